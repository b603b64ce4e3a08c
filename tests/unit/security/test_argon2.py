"""Every build of Argon2 makes the same hashes, and one that cannot run here is never run."""

import shutil
from pathlib import Path
from typing import Any

import _argon2_cffi_bindings
import pytest
from argon2 import PasswordHasher

from gatepost.security import argon2
from gatepost.security.argon2 import Argon2, Cost, Unusable
from gatepost.settings import SettingsError

PASSWORD = b"Test1234!"
COST = Cost(passes=1, kib=8, lanes=1)

# From the tests of the reference code (github.com/P-H-C/phc-winner-argon2).
PUBLISHED = [
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    "$argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A native build as its script leaves it to be proved: here the wheel's own."""
    assert _argon2_cffi_bindings.__file__ is not None
    for module in Path(_argon2_cffi_bindings.__file__).parent.glob("_ffi*.*"):
        if module.suffix in {".so", ".pyd"}:
            shutil.copy(module, tmp_path)
    return tmp_path


@pytest.fixture(params=["wheel", "native"])
def build(request: pytest.FixtureRequest, folder: Path) -> Argon2:
    return argon2.wheel() if request.param == "wheel" else argon2.verify_build(folder)


@pytest.mark.parametrize("hashed", PUBLISHED)
def test_a_published_hash_is_verified(build: Argon2, hashed: str) -> None:
    assert build.verify(b"password", hashed)
    assert not build.verify(b"Password", hashed)


def test_a_hash_is_what_everybody_elses_library_makes_of_the_password(build: Argon2) -> None:
    assert PasswordHasher().verify(build.hash(PASSWORD, Cost(2, 64, 2)), PASSWORD)
    other = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, salt_len=24, hash_len=40)
    assert build.verify(PASSWORD, other.hash(PASSWORD))


@pytest.mark.parametrize(
    "hashed", ["$argon2id$v=19$m=8,t=1,p=1$c2hvcnQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$x"]
)
def test_what_is_no_hash_is_told_from_one_that_does_not_match(build: Argon2, hashed: str) -> None:
    with pytest.raises(ValueError, match="not an Argon2 hash"):
        build.verify(PASSWORD, hashed)


def test_a_cost_that_cannot_be_is_refused(build: Argon2) -> None:
    with pytest.raises(ValueError, match="a cost"):
        build.hash(PASSWORD, Cost(passes=0, kib=8, lanes=1))


def test_a_build_for_another_processor_is_not_even_loaded(folder: Path) -> None:
    argon2.verify_build(folder)
    with (folder / argon2.FEATURES_FILE).open("a") as features:
        features.write("avx1024\n")

    with pytest.raises(Unusable, match=r"for another processor .* no avx1024"):
        argon2.load_native(folder)


def test_a_build_that_nobody_has_tried_is_not_used(folder: Path) -> None:
    with pytest.raises(Unusable, match="never proved"):
        argon2.load_native(folder)


def test_a_build_that_cannot_be_loaded_is_not_used(folder: Path) -> None:
    (folder / argon2.FEATURES_FILE).write_text("")
    next(folder.glob("_ffi*")).write_bytes(b"half a file")

    with pytest.raises(Unusable, match="cannot be loaded"):
        argon2.load_native(folder)


def test_a_build_that_computes_something_else_is_not_used() -> None:
    wheel = argon2.wheel()
    assert argon2.makes_correct_hashes(wheel)
    assert not argon2.makes_correct_hashes(Argon2("native", wheel.ffi, _OfVersion10(wheel.lib)))


class _OfVersion10:
    """The build as it would be if it hashed by Argon2's version before the last."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib

    def __getattr__(self, name: str) -> object:
        return getattr(self._lib, name)

    def argon2_hash(self, *arguments: object) -> object:
        return self._lib.argon2_hash(*arguments[:-1], 0x10)


class TestChoosing:
    @pytest.fixture(autouse=True)
    def forgetting(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was chosen in this process, before and after."""
        monkeypatch.setattr(argon2, "NATIVE_FOLDER", folder)
        monkeypatch.setattr(argon2, "native", lambda: argon2.load_native(argon2.NATIVE_FOLDER))
        monkeypatch.setattr(argon2, "fastest", argon2.fastest.__wrapped__)

    def test_without_a_native_build_the_wheel_hashes(self) -> None:
        assert argon2.choose("auto") == argon2.wheel()
        assert "never proved" in argon2.why_not_native()

    def test_a_build_can_be_demanded(self, folder: Path) -> None:
        argon2.verify_build(folder)
        assert argon2.choose("native").name == "native"
        assert argon2.choose("argon2-cffi").name == "argon2-cffi"

    def test_the_fastest_is_one_of_those_that_can_be_used(self, folder: Path) -> None:
        argon2.verify_build(folder)
        assert argon2.choose("auto").name in {"native", "argon2-cffi"}

    def test_a_build_that_is_demanded_and_not_there_is_a_mistake_in_the_settings(
        self, folder: Path
    ) -> None:
        shutil.rmtree(folder)
        with pytest.raises(SettingsError, match="ARGON2_BACKEND is native, but there is no"):
            argon2.choose("native")
