"""What a service is called where others may be too: how its keys and channels begin."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import URL

from gatepost.security.keys import derive_key
from gatepost.settings import CoreSettings


def name_of_service(settings: CoreSettings) -> str:
    """`REDIS_PREFIX`, or a name that only processes with this secret and database have.

    The database counts by its name and not by its host, which processes of one service may know
    under different ones: an address, an alias, a pooler.
    """
    if settings.stores.redis_prefix is not None:
        return settings.stores.redis_prefix.rstrip(":")
    purpose = "\0".join(("gatepost service", *_name_of_database(settings.database.sqlalchemy_url)))
    return f"gatepost:{derive_key(settings.tokens.secret_key, purpose, 8).hex()}"


def _name_of_database(url: URL) -> tuple[str, ...]:
    """Its kind and name, whatever the way to it: an SQLite file's path, a PostgreSQL's schema."""
    kind, name = url.get_backend_name(), url.database or ""
    if kind == "sqlite":
        return kind, str(Path(name).resolve())
    given = parse_qs(urlsplit(str(url.query.get("dsn", ""))).query)
    return kind, name, *given.get("options", ())
