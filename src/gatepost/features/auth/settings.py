"""Settings of logins and registrations."""

from gatepost.settings.base import SettingsGroup
from gatepost.settings.limits import HOUR, Limit, limit


class AuthSettings(SettingsGroup):
    """Limits of logins and registrations."""

    rate_limit_login: Limit = limit(
        percent=30, description="How many logins a client may try, whoever they are for."
    )
    rate_limit_refresh: Limit = limit(
        percent=60, description="How often a client may refresh its tokens."
    )
    rate_limit_registration: Limit = limit(
        percent=100,
        window=HOUR,
        description="How many accounts a client may make; each row of a bulk registration is one.",
    )
