"""Every table of the product: to import this module is to complete the metadata."""

from gatepost.db.base import Base
from gatepost.features.accounts.models import User, UserImport
from gatepost.features.audit.models import AuditEvent, AuditHead
from gatepost.features.idempotency.models import StoredAnswer
from gatepost.features.items.models import Item
from gatepost.features.sessions.models import Session
from gatepost.features.signing_keys.models import StoredKey
from gatepost.stores.database import StoredEntry

TABLES: tuple[type[Base], ...] = (
    AuditEvent,
    AuditHead,
    StoredKey,
    Session,
    User,
    UserImport,
    Item,
    StoredAnswer,
    StoredEntry,
)

metadata = Base.metadata
