"""A folder of its own for each test, with the settings of a service in the environment."""

import secrets
from pathlib import Path

import pytest

from gatepost.configuration import Settings
from gatepost.settings.base import names_of
from tests.support import patience
from tests.support.command import Gatepost


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for field, information in Settings.fields().items():
        for name in names_of(field, information):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def bare(folder: Path) -> Gatepost:
    """The command where nothing is configured."""
    return Gatepost(folder, {})


@pytest.fixture
def gatepost(folder: Path) -> Gatepost:
    """The command with settings, on a migrated SQLite file; hashes are cheap."""
    environ = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": "sqlite:///./test.db",
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
        **patience.ENVIRON,
    }
    gatepost = Gatepost(folder, environ)
    gatepost.done("migrate")
    return gatepost
