"""Settings of the service as a whole: its name, its addresses, what it shows."""

import re
from importlib.metadata import version
from typing import Annotated

from pydantic import Field, field_validator

from gatepost.settings.base import Described, SettingsGroup, refuse
from gatepost.settings.values import read_origin

# A browser that is led to /api/../v1 asks for /v1.
_PREFIX = re.compile(r"(/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+")

_UNLIMITED = ("/health", "/metrics", "/static")
"""Below these no request is counted, as `web.middleware.rate_limit` has it."""


class ServiceSettings(SettingsGroup):
    """The service."""

    project_name: Annotated[str, Described(takes="a name", also=("APP_NAME",))] = Field(
        default="Gatepost",
        min_length=1,
        max_length=100,
        description="The name on pages, in letters and in the OpenAPI document.",
    )
    version: Annotated[str, Described(takes="a text", default="the package's")] = Field(
        default_factory=lambda: version("gatepost"),
        min_length=1,
        max_length=100,
        description="The version that `/`, `/health` and the OpenAPI document tell.",
    )
    api_v1_str: Annotated[str, Described(takes="a path such as /api/v1")] = Field(
        default="/api/v1",
        description="The canonical prefix of the API. The routes answer without it too.",
    )
    root_path: Annotated[
        str, Described(takes="a path such as /accounts", default="none", also=("SCRIPT_NAME",))
    ] = Field(
        default="",
        description="The path below which clients find the service, for a proxy that has others "
        "beside it; whether the proxy cuts it off or not. A server's own root path wins over it.",
    )
    public_url: Annotated[str, Described(takes="a URL such as https://auth.example.com")] = Field(
        default="http://127.0.0.1:8000",
        description="Where browsers and other services reach this one: the origin alone, "
        "without a path.",
    )
    docs_enabled: bool = Field(
        default=True, description="Serve `/docs`, `/redoc` and the OpenAPI document."
    )
    debug: bool = Field(
        default=False,
        description="For development only: more detail in the log, and password hashing may be "
        "made cheaper than is safe.",
    )

    shutdown_delay_seconds: int = Field(
        default=1,
        ge=0,
        le=300,
        description="How long, once told by SIGTERM to stop, the service still takes requests, "
        "while `/health/ready` says no.",
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=7200,
        description="How long `gatepost serve` keeps a connection that nothing is asked on: longer "
        "than the balancer before it, which else sends a request as it closes.",
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
                "is among the addresses that no rate limit counts",
                "Begin it otherwise than with /health, /metrics or /static.",
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
