"""What the product does, one package a feature, ranked: each calls only those below it."""

from typing import Final

from gatepost.features.accounts import FEATURE as ACCOUNTS
from gatepost.features.activity import FEATURE as ACTIVITY
from gatepost.features.audit import FEATURE as AUDIT
from gatepost.features.auth import FEATURE as AUTH
from gatepost.features.callers import FEATURE as CALLERS
from gatepost.features.idempotency import FEATURE as IDEMPOTENCY
from gatepost.features.imports import FEATURE as IMPORTS
from gatepost.features.items import FEATURE as ITEMS
from gatepost.features.sessions import FEATURE as SESSIONS
from gatepost.features.short_paths import FEATURE as SHORT_PATHS
from gatepost.features.signing_keys import FEATURE as SIGNING_KEYS
from gatepost.manifest import Feature, register

FEATURES: Final[tuple[Feature, ...]] = (
    SHORT_PATHS,
    ITEMS,
    ACTIVITY,
    AUTH,
    IMPORTS,
    ACCOUNTS,
    IDEMPOTENCY,
    SESSIONS,
    SIGNING_KEYS,
    CALLERS,
    AUDIT,
)

register(FEATURES)
