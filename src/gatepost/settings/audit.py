"""Settings of the audit log."""

from datetime import timedelta

from pydantic import Field

from gatepost.settings.base import SettingsGroup


class AuditSettings(SettingsGroup):
    """The audit log."""

    audit_retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Events of the audit log are deleted after so many days; 0 keeps them all.",
    )

    @property
    def audit_retention(self) -> timedelta | None:
        """How long an event is kept; None for ever."""
        return timedelta(days=self.audit_retention_days) if self.audit_retention_days else None
