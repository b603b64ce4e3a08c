"""All settings: those of the service, and those that its features bring."""

from gatepost.features import FEATURES
from gatepost.manifest import load_all
from gatepost.settings import CoreSettings


class Settings(CoreSettings):
    """All settings, in groups: `settings.tokens.issuer`.

    `Settings(secret_key=...)` takes explicit values only, under the names of the environment in
    lower case. Raises `SettingsError` with every mistake.
    """

    further_groups = tuple(load_all(FEATURES, "settings"))
