"""Settings of the service as a whole: name, version, addresses, documentation, shutdown."""

import re
from importlib.metadata import version
from typing import Annotated

from pydantic import Field, field_validator

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.values import read_origin

# No dot segments: browsers would turn /api/../v1 into /v1.
_PREFIX = re.compile(r"(/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+")

_UNLIMITED = ("/health", "/metrics", "/static")
"""Requests below these paths are not counted by `web.middleware.rate_limit`."""


class ServiceSettings(SettingsGroup):
    """The service."""

    project_name: Annotated[str, SettingInfo(takes="a name", also=("APP_NAME",))] = Field(
        default="Gatepost",
        min_length=1,
        max_length=100,
        description="The name on pages, in letters and in the OpenAPI document.",
    )
    version: Annotated[str, SettingInfo(takes="a text", default="the package's")] = Field(
        default_factory=lambda: version("gatepost"),
        min_length=1,
        max_length=100,
        description="The version that `/`, `/health` and the OpenAPI document show.",
    )
    api_v1_str: Annotated[str, SettingInfo(takes="a path such as /api/v1")] = Field(
        default="/api/v1",
        description="The canonical prefix of the API. All routes also work without it.",
    )
    root_path: Annotated[
        str, SettingInfo(takes="a path such as /accounts", default="none", also=("SCRIPT_NAME",))
    ] = Field(
        default="",
        description="The path below which a proxy serves it, whether or not the proxy strips it. "
        "The ASGI server's own root path takes precedence.",
    )
    public_url: Annotated[str, SettingInfo(takes="a URL such as https://auth.example.com")] = Field(
        default="http://127.0.0.1:8000",
        description="The origin at which browsers and other services reach this one, without a "
        "path.",
    )
    docs_enabled: bool = Field(
        default=True, description="Serve `/docs`, `/redoc` and the OpenAPI document."
    )
    debug: bool = Field(
        default=False,
        description="For development only: more detailed logs, and password hashing may be set "
        "cheaper than is safe.",
    )

    shutdown_delay_seconds: int = Field(
        default=1,
        ge=0,
        le=300,
        description="How long the service still accepts requests after SIGTERM, while "
        "`/health/ready` answers 503.",
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=7200,
        description="How long `gatepost serve` keeps an idle connection. Set it longer than the "
        "load balancer's idle timeout, which might otherwise reuse a connection that is closing.",
    )

    @field_validator("api_v1_str")
    @classmethod
    def _a_prefix_is_a_path(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            refuse(
                "is not a path",
                "Begin it with a slash and end it without one, such as /api/v1; it may not be "
                "empty.",
            )
        if f"{value}/".startswith(tuple(f"{each}/" for each in _UNLIMITED)):
            refuse(
                "is below a path without a rate limit",
                "Do not begin it with /health, /metrics or /static.",
            )
        return value

    @field_validator("root_path")
    @classmethod
    def _a_root_path_is_a_path(cls, value: str) -> str:
        path = value.rstrip("/")
        if path and not _PREFIX.fullmatch(path):
            refuse(
                "is not a path",
                "Begin it with a slash, such as /accounts, with letters, digits and . _ ~ - "
                "between slashes; or leave it out.",
            )
        return path

    @field_validator("public_url")
    @classmethod
    def _a_public_url_is_an_origin(cls, value: str) -> str:
        origin = read_origin(value)
        if origin is None:
            refuse(
                "is not the URL of a site",
                "Write http:// or https://, the host and, if need be, the port: no path, no "
                "query, no slash at the end.",
            )
        return origin
