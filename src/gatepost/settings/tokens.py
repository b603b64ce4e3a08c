"""Settings of tokens: their signatures, lifetimes, issuer and audience."""

import hmac
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from gatepost.settings.base import SettingInfo, refuse
from gatepost.settings.service import ServiceSettings

_PLACEHOLDERS = (
    "change_me",
    "change-me",
    "changeme",
    "change_this",
    "change-this",
    "your_",
    "your-",
    "placeholder",
    "secret_key",
    "secret-key",
    "example",
    "generated-secret",
    "xxxxx",
)
_FEWEST_DISTINCT_CHARACTERS = 8

# A key is at least as long as the hash's output (RFC 7518 section 3.2).
_FEWEST_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}

_GENERATE = "`gatepost generate-secret` prints a good one."


def _public_url(data: dict[str, Any]) -> str:
    return str(data["public_url"])


class TokenSettings(ServiceSettings):
    """Tokens."""

    algorithm: Literal["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"] = Field(
        default="HS256",
        description="The signature algorithm of access tokens. HS256 to HS512 use `SECRET_KEY`; "
        "the others use key pairs, published at `/.well-known/jwks.json`.",
    )
    secret_key: Annotated[
        str,
        SettingInfo(
            takes="32 random characters or more (48 for HS384, 64 for HS512)",
            also=("JWT_SECRET_KEY",),
        ),
    ] = Field(
        repr=False,
        description="The secret from which all keys are derived. `gatepost generate-secret` prints "
        "one.",
    )
    jwt_refresh_secret_key: Annotated[
        str | None,
        SettingInfo(takes="as SECRET_KEY, and another value", default="derived from `SECRET_KEY`"),
    ] = Field(default=None, repr=False, description="The secret that signs refresh tokens.")
    access_token_expire_minutes: int = Field(
        default=15, ge=1, le=60, description="How long an access token is valid."
    )
    refresh_token_expire_days: int = Field(
        default=7, ge=1, le=30, description="How long a refresh token is valid."
    )
    refresh_reuse_grace_seconds: int = Field(
        default=10,
        ge=0,
        le=60,
        description="How long a used refresh token still returns the same new tokens, for parallel "
        "tabs and lost answers. Later use counts as theft, and ends the session.",
    )
    issuer: Annotated[str, SettingInfo(takes="a URL or a name", default="`PUBLIC_URL`")] = Field(
        default_factory=_public_url,
        min_length=1,
        max_length=255,
        description="The `iss` of tokens.",
    )
    audience: Annotated[str, SettingInfo(takes="a name")] = Field(
        default="gatepost", min_length=1, max_length=255, description="The `aud` of access tokens."
    )

    @field_validator("secret_key", "jwt_refresh_secret_key")
    @classmethod
    def _a_secret_cannot_be_guessed(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if len(value) < 32:
            refuse("is shorter than 32 characters", _GENERATE)
        lowered = value.lower()
        if any(placeholder in lowered for placeholder in _PLACEHOLDERS):
            refuse("is a placeholder, not a secret", _GENERATE)
        if len(set(value)) < _FEWEST_DISTINCT_CHARACTERS:
            refuse("repeats too few characters to be a secret", _GENERATE)
        algorithm = info.data.get("algorithm", "HS256")
        if len(value.encode()) < _FEWEST_BYTES.get(algorithm, 32):
            refuse(
                f"is shorter than the {_FEWEST_BYTES[algorithm]} bytes {algorithm} needs",
                f"{_GENERATE} Or choose another ALGORITHM.",
            )
        return value

    @field_validator("jwt_refresh_secret_key")
    @classmethod
    def _the_two_secrets_differ(cls, value: str | None, info: ValidationInfo) -> str | None:
        other = info.data.get("secret_key")
        if value is None or other is None:
            return value
        if hmac.compare_digest(value.encode(), other.encode()):
            refuse(
                "equals SECRET_KEY",
                "Give it another value, or leave it out: it is then derived from SECRET_KEY.",
            )
        return value

    @property
    def access_token_lifetime(self) -> timedelta:
        """How long an access token is valid."""
        return timedelta(minutes=self.access_token_expire_minutes)

    @property
    def refresh_token_lifetime(self) -> timedelta:
        """How long a refresh token is valid."""
        return timedelta(days=self.refresh_token_expire_days)

    @property
    def refresh_reuse_grace(self) -> timedelta:
        """How long a used refresh token still returns the same new tokens."""
        return timedelta(seconds=self.refresh_reuse_grace_seconds)
