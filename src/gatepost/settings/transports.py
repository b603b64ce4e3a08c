"""Settings of transports: bearer tokens, cookies, and cross-origin requests."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from gatepost.client.schemes import BEARER, read_schemes
from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.values import read_field_names, read_list, read_origins

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


class TransportSettings(SettingsGroup):
    """Cookies and other sites."""

    auth_transports: Annotated[
        frozenset[Literal["bearer", "cookie"]],
        BeforeValidator(read_list),
        SettingInfo(takes="bearer, cookie or both, separated by commas"),
    ] = Field(
        default=frozenset({"bearer", "cookie"}),
        description="The ways in which a request may send its access token.",
    )
    auth_schemes: Annotated[
        tuple[str, ...],
        BeforeValidator(read_list),
        SettingInfo(takes="words such as Bearer or Token, separated by commas"),
    ] = Field(
        default=BEARER,
        description="The schemes of an `Authorization` header with an access token. Keep `Bearer` "
        "for `/docs` and other OAuth2 clients.",
    )
    cookie_secure: bool = Field(
        default=True, description="Send cookies over HTTPS only (and to localhost)."
    )
    cookie_samesite: Literal["lax", "strict", "none"] = Field(
        default="lax", description="The cookies' `SameSite`; `none` needs `COOKIE_SECURE`."
    )
    cookie_domain: Annotated[
        str | None, SettingInfo(takes="a domain such as example.com", default="this host alone")
    ] = Field(default=None, description="Share the cookies with every host of this domain.")
    allowed_origins: Annotated[
        tuple[str, ...],
        BeforeValidator(read_origins),
        SettingInfo(
            takes="origins such as https://app.example.com or capacitor://localhost, separated by "
            "commas or a JSON list",
            default="none",
            also=("BACKEND_CORS_ORIGINS",),
        ),
    ] = Field(
        default=(),
        description="Origins of other sites and apps that may call the API with the user's cookies "
        "(CORS).",
    )
    cors_allowed_headers: Annotated[
        tuple[str, ...],
        BeforeValidator(read_field_names),
        SettingInfo(takes="names of headers, separated by commas", default="none"),
    ] = Field(
        default=(),
        description="Further headers that those origins may send, besides those of the API and of "
        "common tracing and HTTP libraries.",
    )

    @field_validator("auth_transports")
    @classmethod
    def _there_is_a_way_in(
        cls, value: frozenset[Literal["bearer", "cookie"]]
    ) -> frozenset[Literal["bearer", "cookie"]]:
        if not value:
            refuse("names no transport", "Give it bearer, cookie or both.")
        return value

    @field_validator("auth_schemes")
    @classmethod
    def _schemes_are_of_tokens(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return read_schemes(value)
        except ValueError as error:
            refuse(str(error), "Give it words such as Bearer,Token; not Basic, Digest or DPoP.")

    @field_validator("cookie_samesite", mode="before")
    @classmethod
    def _case_does_not_matter(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("cookie_samesite")
    @classmethod
    def _cross_site_cookies_are_secure(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and not info.data.get("cookie_secure", True):
            refuse(
                "is none while COOKIE_SECURE is false",
                "Browsers drop such cookies: set COOKIE_SECURE=true or COOKIE_SAMESITE=lax.",
            )
        return value

    @field_validator("cookie_domain")
    @classmethod
    def _a_cookie_domain_is_a_domain(cls, value: str | None) -> str | None:
        if value is None:
            return None
        domain = value.lower().removeprefix(".")
        if not _DOMAIN.fullmatch(domain):
            refuse(
                "is not a domain",
                "Write the name alone, such as example.com: no scheme, no port. Leave it out to "
                "keep the cookies to this host.",
            )
        return domain
