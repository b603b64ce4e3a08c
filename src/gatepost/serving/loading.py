"""Makes the service load quickly in its own processes; host applications do not call this."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

_OBJECTS_BETWEEN_COLLECTIONS = 10_000


def load_fastapi() -> None:
    """Import FastAPI without its slowest parts, which are hardly ever used.

    The validators of its OpenAPI models are built with the document, and the library that checks
    email addresses is loaded with the first address. `pydantic.v1`, whose models FastAPI looks for
    in every annotation, is made to appear not installed, if FastAPI takes that.
    """
    if "fastapi" in sys.modules:
        return
    gc.disable()  # imports leave no garbage; `settle` enables it again
    if not _needs_pydantic_v1():
        sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type] # then its import fails
    _load_at_first_use("email_validator")
    with _deferred_validators():
        import_module("fastapi")  # the others find it loaded


def settle() -> None:
    """Let the garbage collector skip the objects loaded so far, and run less often than by default.

    By default it runs three times a request, and requests hardly ever leave cycles behind. It is
    not run before: a start leaves only a few hundred objects of garbage, and the collection would
    take a tenth of its time.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    gc.enable()


def _needs_pydantic_v1() -> bool:
    """Whether FastAPI imports `pydantic.v1` without condition, as versions that support it do."""
    found = find_spec("fastapi")
    folders = (found.submodule_search_locations if found else None) or ()
    return any(Path(folder, "_compat", "v1.py").exists() for folder in folders)


@contextmanager
def _deferred_validators() -> Iterator[None]:
    """Models that are defined in this block build their validators when they are first used."""
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]


def _load_at_first_use(name: str) -> None:
    """Register a placeholder for a module, which loads the module when an attribute is read."""
    if name in sys.modules:
        return
    standing_in = ModuleType(name)

    def load(attribute: str) -> object:
        if sys.modules.get(name) is standing_in:
            del sys.modules[name]
        return getattr(import_module(name), attribute)

    standing_in.__getattr__ = load  # type: ignore[method-assign] # as PEP 562 has it
    sys.modules[name] = standing_in
