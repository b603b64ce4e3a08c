"""The prefix of the service's keys and channels on a Redis that others may share."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import URL

from gatepost.security.keys import derive_key
from gatepost.settings import CoreSettings


def name_of_service(settings: CoreSettings) -> str:
    """`REDIS_PREFIX`, or a name derived from the secret and the database.

    Only the name of the database enters it, not the host: processes of one service may use
    different hosts for it, such as an address, an alias or a pooler.
    """
    if settings.stores.redis_prefix is not None:
        return settings.stores.redis_prefix.rstrip(":")
    purpose = "\0".join(("gatepost service", *_name_of_database(settings.database.sqlalchemy_url)))
    return f"gatepost:{derive_key(settings.tokens.secret_key, purpose, 8).hex()}"


def _name_of_database(url: URL) -> tuple[str, ...]:
    """Kind and name, with the path of an SQLite file and the schema of PostgreSQL."""
    kind, name = url.get_backend_name(), url.database or ""
    if kind == "sqlite":
        return kind, str(Path(name).resolve())
    given = parse_qs(urlsplit(str(url.query.get("dsn", ""))).query)
    return kind, name, *given.get("options", ())
