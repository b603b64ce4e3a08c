"""All settings: those of the service, and those that its features bring."""

from gatepost.features import FEATURES
from gatepost.manifest import load_all
from gatepost.settings import CoreSettings


class Settings(*load_all(FEATURES, "settings"), CoreSettings):  # type: ignore[misc] # bases that manifests name
    """All settings in one flat object.

    `Settings(secret_key=...)` takes explicit values only. Raises `SettingsError` with every
    mistake.
    """
