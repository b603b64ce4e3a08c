"""Settings of the audit log."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from gatepost.settings.base import Described, SettingsGroup, refuse
from gatepost.settings.values import read_list

_FEWEST_CHARACTERS = 32


def _read_secrets(value: object) -> object:
    """Each may be as it was: what makes a good secret is asked of `SECRET_KEY` alone."""
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
        description="Events of the audit log are deleted after so many days; 0 keeps them all.",
    )

    former_secret_keys: Annotated[
        tuple[str, ...],
        BeforeValidator(_read_secrets),
        Described(takes="secrets, separated by commas", default="none"),
    ] = Field(
        default=(),
        repr=False,
        max_length=16,
        description="What `SECRET_KEY` was before: proves that it was changed by its owner, and "
        "checks the rows of the audit log from then. Keep each while such rows are kept.",
    )

    @property
    def audit_retention(self) -> timedelta | None:
        """How long an event is kept; None for ever."""
        return timedelta(days=self.audit_retention_days) if self.audit_retention_days else None
