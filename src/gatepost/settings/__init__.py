"""The settings of the service, in groups; `gatepost.configuration` adds those of the features."""

import itertools
from collections.abc import Mapping

from gatepost.settings.audit import AuditSettings
from gatepost.settings.composition import SettingsComposition
from gatepost.settings.database import DatabaseSettings
from gatepost.settings.errors import SettingProblem, SettingsError
from gatepost.settings.limits import LimitSettings, Quota, quotas_of
from gatepost.settings.observability import ObservabilitySettings
from gatepost.settings.passwords import PasswordSettings
from gatepost.settings.protection import ProtectionSettings
from gatepost.settings.registration import RegistrationSettings
from gatepost.settings.service import ServiceSettings
from gatepost.settings.sessions import SessionSettings
from gatepost.settings.stores import StoreSettings
from gatepost.settings.tokens import TokenSettings
from gatepost.settings.transports import TransportSettings
from gatepost.settings.values import passwords_in

__all__ = [
    "AuditSettings",
    "CoreSettings",
    "DatabaseSettings",
    "LimitSettings",
    "ObservabilitySettings",
    "PasswordSettings",
    "ProtectionSettings",
    "RegistrationSettings",
    "ServiceSettings",
    "SessionSettings",
    "SettingProblem",
    "SettingsError",
    "StoreSettings",
    "TokenSettings",
    "TransportSettings",
]


class CoreSettings(SettingsComposition):
    """The settings of the service without its features."""

    service: ServiceSettings
    database: DatabaseSettings
    stores: StoreSettings
    tokens: TokenSettings
    sessions: SessionSettings
    transports: TransportSettings
    passwords: PasswordSettings
    registration: RegistrationSettings
    protection: ProtectionSettings
    audit: AuditSettings
    limits: LimitSettings
    observability: ObservabilitySettings

    @property
    def quotas(self) -> Mapping[str, Quota]:
        """Every rate limit by its name; `default` is the limit of all requests."""
        return {"default": self.limits.quota, **quotas_of(self.every_group())}

    @property
    def secret_texts(self) -> frozenset[str]:
        """Every secret among the settings, and the passwords in their URLs, to mask in the log."""
        values = list(self.secret_values())
        lists = [value for value in values if isinstance(value, tuple)]
        texts = {text for text in itertools.chain(values, *lists) if isinstance(text, str)}
        passwords = {password for text in texts for password in passwords_in(text)}
        return frozenset(texts | passwords)
