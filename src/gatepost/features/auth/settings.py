"""Settings of logins and registrations."""

from gatepost.settings.base import SettingsGroup
from gatepost.settings.limits import HOUR, Limit, limit


class AuthSettings(SettingsGroup):
    """Limits of logins and registrations."""

    rate_limit_login: Limit = limit(
        percent=30, description="Logins that a client may attempt, for all accounts together."
    )
    rate_limit_refresh: Limit = limit(percent=60, description="Refreshes of tokens by a client.")
    rate_limit_registration: Limit = limit(
        percent=100,
        window=HOUR,
        description="Accounts that a client may create; each row of a bulk registration counts.",
    )
