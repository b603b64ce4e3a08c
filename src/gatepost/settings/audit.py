"""Settings of the audit log."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from gatepost.settings.base import SettingInfo, SettingsGroup, refuse
from gatepost.settings.values import read_list

_FEWEST_CHARACTERS = 32


def _read_secrets(value: object) -> object:
    """Read former secrets; only their length is checked, since they cannot be changed."""
    secrets = read_list(value)
    if isinstance(secrets, list | tuple):
        for place, secret in enumerate(secrets, start=1):
            if len(str(secret)) < _FEWEST_CHARACTERS:
                refuse(
                    f"has a secret shorter than {_FEWEST_CHARACTERS} characters (number {place})",
                    "Give each as it stood in SECRET_KEY, separated by commas or as a JSON list.",
                )
    return secrets


class AuditSettings(SettingsGroup):
    """The audit log."""

    audit_retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days after which audit events are deleted; 0 keeps them forever.",
    )

    former_secret_keys: Annotated[
        tuple[str, ...],
        BeforeValidator(_read_secrets),
        SettingInfo(takes="secrets, separated by commas", default="none"),
    ] = Field(
        default=(),
        repr=False,
        max_length=16,
        description="Previous values of `SECRET_KEY`, so that audit events sealed with them can be "
        "verified. Keep each as long as such events are kept.",
    )

    @property
    def audit_retention(self) -> timedelta | None:
        """How long an event is kept; None keeps it forever."""
        return timedelta(days=self.audit_retention_days) if self.audit_retention_days else None
