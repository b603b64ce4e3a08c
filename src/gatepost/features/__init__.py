"""The features of Gatepost, one package each, in ranks: each imports only those below it."""

from importlib import import_module
from typing import Final

from gatepost.manifest import Feature, register

RANKING: Final = (
    "compat",
    "items",
    "activity",
    "auth",
    "imports",
    "accounts",
    "idempotency",
    "sessions",
    "signing_keys",
    "callers",
    "audit",
)

# By name: a reader of one feature's module meets no other feature on the way.
FEATURES: Final[tuple[Feature, ...]] = tuple(
    import_module(f"{__name__}.{name}").FEATURE for name in RANKING
)

register(FEATURES)
