"""Settings of observability: log, metrics, traces."""

import importlib.util
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.values import read_networks

_SHORTEST_TOKEN = 32
_TRACING_PACKAGES = (
    "fastapi.telemetry",
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.instrumentation.redis",
)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class ObservabilitySettings(SettingsGroup):
    """Log, metrics, traces."""

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(_upper),
    ] = Field(default="INFO", description="The least severe event that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json` is a line of JSON an event, `console` is for people; `auto` is "
        "`console` on a terminal and `json` everywhere else.",
    )
    log_requests: bool = Field(default=True, description="Log a line for each request.")
    metrics_allowed: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        BeforeValidator(read_networks),
        SettingInfo(
            takes="addresses or networks, separated by commas",
            effective_default="127.0.0.0/8,::1/128",
        ),
    ] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Networks that may read `/metrics` without a token.",
    )
    metrics_token: Annotated[str | None, SettingInfo(takes="32 characters or more")] = Field(
        default=None,
        repr=False,
        description="A token for `/metrics` from any network, sent as `Authorization: Bearer`.",
    )
    tracing_enabled: bool = Field(
        default=False,
        description="Export traces by OpenTelemetry; needs `pip install 'gatepost[otel]'`. "
        "OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, set the target.",
    )

    @field_validator("metrics_token")
    @classmethod
    def _a_metrics_token_cannot_be_guessed(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) < _SHORTEST_TOKEN:
            refuse("is too short", "Give it 32 characters: `gatepost generate-secret` prints one.")
        if not value.isascii() or not value.isprintable() or " " in value:
            refuse("cannot be sent in a header", "Use letters, digits and signs, without spaces.")
        return value

    @field_validator("tracing_enabled")
    @classmethod
    def _tracing_is_installed(cls, value: bool) -> bool:  # noqa: FBT001 - pydantic's own signature
        if value and not all(map(is_installed, _TRACING_PACKAGES)):
            refuse(
                "is on, but OpenTelemetry, or a FastAPI that supports it, is not installed",
                "Run `pip install 'gatepost[otel]'`, or leave it out.",
            )
        return value


def is_installed(package: str) -> bool:
    """Whether a package could be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
