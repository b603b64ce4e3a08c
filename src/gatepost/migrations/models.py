"""Every table of Gatepost; importing this module completes the metadata."""

from gatepost.db.base import Base
from gatepost.features import FEATURES
from gatepost.manifest import load_all
from gatepost.stores.database import StoredEntry

TABLES: tuple[type[Base], ...] = (*load_all(reversed(FEATURES), "tables"), StoredEntry)

metadata = Base.metadata
