"""Argon2 (RFC 9106) by the fastest build of its reference code that this machine has.

The published wheels of argon2-cffi-bindings run on every x86-64 processor, and therefore use SSE2
only. The same source built for the processor at hand (`make install NATIVE=1`) takes half the time
and makes the same strings. Both may be installed: the wheel is used where the native build is for
another processor.
"""

import importlib.machinery
import importlib.util
import platform
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from _argon2_cffi_bindings import ffi, lib

from gatepost.settings.errors import SettingProblem, SettingsError

Name = Literal["argon2-cffi", "native"]

NATIVE_FOLDER: Final = Path(sys.prefix, "argon2-native")
"""The folder of the native build (`scripts/native.sh`): the module, and its processor's flags."""

FEATURES_FILE: Final = "processor"

SALT_BYTES: Final = 16
TAG_BYTES: Final = 32
VERSION: Final = 0x13

_TRIALS = 5
_TRIAL_KIB = 2048

# The flags of instruction sets that a compiler may use. The other flags depend on the kernel too,
# and change with its updates.
_INSTRUCTIONS = re.compile(
    r"(avx|sse|ssse|fma|bmi|f16c|abm|adx|aes|vaes|sha|gfni|v?pclmul|movbe|popcnt|asimd|sve|crc32)\w*"
)


class Cost(NamedTuple):
    """The cost of a hash: passes over the memory, memory in KiB, and lanes."""

    passes: int
    kib: int
    lanes: int


class Unusable(Exception):  # noqa: N818 - named for the fact, as problems are
    """A build cannot be used here. The text gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Argon2:
    """One build of the library. All builds make the same strings, and release the GIL."""

    name: Name
    ffi: Any = field(repr=False)
    lib: Any = field(repr=False)

    def hash(self, password: bytes, cost: Cost) -> str:
        """Return a new Argon2id hash of `password` in the PHC string format.

        Raises `MemoryError` if there is too little memory.
        """
        return self.hash_with(secrets.token_bytes(SALT_BYTES), password, cost)

    def verify(self, password: bytes, hashed: str) -> bool:
        """Return whether `hashed`, of any type of Argon2, was made of `password`.

        Raises `ValueError` if it is no hash, or its cost is impossible.
        """
        kind = hashed[1:].partition("$")[0].removeprefix("argon2")
        outcome = self.lib.argon2_verify(
            hashed.encode("ascii"),
            self.ffi.from_buffer(password),
            len(password),
            getattr(self.lib, f"Argon2_{kind}"),
        )
        if outcome == self.lib.ARGON2_OK:
            return True
        if outcome == self.lib.ARGON2_VERIFY_MISMATCH:
            return False
        raise ValueError("not an Argon2 hash")

    def hash_with(self, salt: bytes, password: bytes, cost: Cost) -> str:
        """Like `hash`, with a given salt, to compare builds. Raises `MemoryError`."""
        lib, ffi = self.lib, self.ffi
        size = lib.argon2_encodedlen(*cost, len(salt), TAG_BYTES, lib.Argon2_id)
        encoded = ffi.new("char[]", size)
        outcome = lib.argon2_hash(
            *cost,
            ffi.from_buffer(password),
            len(password),
            ffi.from_buffer(salt),
            len(salt),
            ffi.NULL,
            TAG_BYTES,
            encoded,
            size,
            lib.Argon2_id,
            VERSION,
        )
        if outcome == lib.ARGON2_MEMORY_ALLOCATION_ERROR:
            raise MemoryError
        if outcome != lib.ARGON2_OK:
            raise ValueError("a cost that Argon2 does not have")
        return str(ffi.string(encoded).decode("ascii"))

    def measure_seconds_per_hash(self) -> float:
        """Measure a small hash in CPU time, which other load on the machine does not change."""
        cost, salt = Cost(1, _TRIAL_KIB, 1), bytes(SALT_BYTES)

        def once() -> float:
            began = time.thread_time()
            self.hash_with(salt, b"", cost)
            return time.thread_time() - began

        return min(once() for _ in range(_TRIALS))


@cache
def wheel() -> Argon2:
    """The build that every installation has."""
    return Argon2("argon2-cffi", ffi, lib)


@cache
def native() -> Argon2:
    """The build for this processor, if it makes correct hashes; raises `Unusable`."""
    return load_native(NATIVE_FOLDER)


@cache
def fastest() -> Argon2:
    """The faster of the usable builds, measured once, in some hundredths of a second."""
    try:
        builds = (native(), wheel())
    except Unusable:
        return wheel()
    return min(builds, key=Argon2.measure_seconds_per_hash)


def choose(wanted: Literal["auto"] | Name) -> Argon2:
    """The build that `ARGON2_BACKEND` selects; raises `SettingsError` if it is missing."""
    try:
        match wanted:
            case "native":
                return native()
            case "argon2-cffi":
                return wheel()
            case "auto":
                return fastest()
    except Unusable as error:
        problem = SettingProblem("ARGON2_BACKEND", f"is {wanted}, but {error}", "Or use auto.")
        raise SettingsError([problem]) from error


def why_not_native() -> str:
    """The reason why the native build is not used; empty if it is used."""
    try:
        native()
    except Unusable as error:
        return str(error)
    return "" if fastest().name == "native" else "the native build is no faster"


def load_native(folder: Path) -> Argon2:
    """Load the build in `folder`; raises `Unusable`.

    Its instruction sets are compared first, because an unknown instruction kills the process.
    """
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    found = sorted(each for each in folder.glob("_ffi*") if each.name.endswith(suffixes))
    if not found:
        raise Unusable("there is no native build here: make install NATIVE=1 makes one")
    if missing := _features_of(folder) - processor_features():
        raise Unusable(
            f"the native build is for another processor (this one has no {min(missing)}): "
            "make install NATIVE=1 makes a new one"
        )
    build = Argon2("native", *_load(found[0]))
    try:
        if not makes_correct_hashes(build):
            raise Unusable("the native build computes wrong hashes: delete it")
    except AttributeError as error:
        raise Unusable("the native build is of another version: make it anew") from error
    return build


def verify_build(folder: Path) -> Argon2:
    """Record this processor's flags beside the build in `folder`, then load it (`load_native`).

    `scripts/native.sh` calls this in a separate process: an unknown instruction would kill it.
    """
    features = "\n".join(sorted(processor_features()))
    (folder / FEATURES_FILE).write_text(f"{features}\n", encoding="utf-8")
    return load_native(folder)


def makes_correct_hashes(build: Argon2) -> bool:
    """Whether the build makes the same hashes as the wheel, and verifies them."""
    salt, password = bytes(range(SALT_BYTES)), b"correct horse battery staple"
    costs = Cost(1, 64, 1), Cost(3, 256, 2)
    hashes = [build.hash_with(salt, password, cost) for cost in costs]
    return hashes == [wheel().hash_with(salt, password, cost) for cost in costs] and all(
        build.verify(password, hashed) and not build.verify(b"another", hashed) for hashed in hashes
    )


def processor_features() -> frozenset[str]:
    """The machine type and, on Linux, the processor's instruction sets."""
    try:
        description = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset({platform.machine()})
    lines = (line.partition(":") for line in description.splitlines())
    flags = next((rest for name, _, rest in lines if name.strip() in {"flags", "Features"}), "")
    return frozenset(
        [platform.machine(), *(each for each in flags.split() if _INSTRUCTIONS.fullmatch(each))]
    )


def _features_of(folder: Path) -> frozenset[str]:
    try:
        return frozenset((folder / FEATURES_FILE).read_text(encoding="utf-8").split())
    except OSError as error:
        raise Unusable("the native build was never proved: make install NATIVE=1 does") from error


def _load(path: Path) -> tuple[Any, Any]:
    loader = importlib.machinery.ExtensionFileLoader("gatepost_argon2._ffi", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None  # noqa: S101 - a loader was given
    try:
        module: Any = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise Unusable("the native build cannot be loaded: make install NATIVE=1 anew") from error
    return module.ffi, module.lib


if __name__ == "__main__":
    # With a folder, prove the build in it; without one, load the installed native build.
    _build = verify_build(Path(sys.argv[1])) if len(sys.argv) > 1 else native()
    _share = _build.measure_seconds_per_hash() / wheel().measure_seconds_per_hash()
    sys.stderr.write(f"It takes {_share:.0%} of the wheel's time for the same hashes.\n")
