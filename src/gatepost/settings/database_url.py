"""Translates common forms of database URLs into URLs for our drivers."""

from urllib.parse import unquote, urlencode

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gatepost.settings.base import refuse

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
}

_Query = dict[str, str | tuple[str, ...]]

# Parameters of libpq's and other drivers' URLs that asyncpg has no use for.
_POSTGRESQL_DROPPED = {
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "ssl",
    "sslcompression",
    "sslmode",
    "sslsni",
    "tcp_user_timeout",
}
_POSTGRESQL_KEPT = {"host", "port", "prepared_statement_cache_size"}

# asyncpg reads these from a connection string only, never as arguments.
_POSTGRESQL_IN_A_STRING = {
    "application_name",
    "options",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslnegotiation",
    "sslrootcert",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "target_session_attrs",
}
_POSTGRESQL_SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

_MYSQL_DROPPED = {"charset", "collation", "ssl", "ssl-mode", "ssl_mode", "sslmode", "use_unicode"}
_MYSQL_KEPT = {
    "connect_timeout",
    "read_timeout",
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_cipher",
    "ssl_key",
    "unix_socket",
}

# Our own connections decide these.
_SQLITE_DROPPED = {"check_same_thread", "timeout"}

_LAST_PORT = 65535

_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


def read_database_url(text: str) -> URL:
    """Return the URL for SQLAlchemy, with our driver and its query translated for that driver.

    Call it in a validator: it refuses a URL that cannot be used, and never quotes a part of it.
    """
    url = _parse(text)
    backend = url.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        refuse(
            "names a database that is not supported", "Use PostgreSQL, MariaDB, MySQL or SQLite."
        )
    url = url.set(drivername=_DRIVERS[backend])
    if backend == "sqlite":
        return _for_aiosqlite(url)
    if not url.database or set(url.database) & set("@/"):
        refuse("names no database", "End it with a slash and the database's name. " + _ESCAPE)
    if "@" in (url.host or ""):
        refuse("has an @ too many", _ESCAPE)  # else part of the password is shown as the host
    if url.port is not None and not 1 <= url.port <= _LAST_PORT:
        refuse("has a port that there is not", "Ports are from 1 to 65535.")
    translated = _for_asyncpg(url) if backend.startswith("postgres") else _for_asyncmy(url)
    _try(translated)
    return translated


_ESCAPE = "Any of @ : / ? # % in a password is to be escaped (@ is %40)."


def _parse(text: str) -> URL:
    try:
        return make_url(text.strip())  # of what a file gave, the end of its last line
    except (ArgumentError, ValueError):  # their texts may hold the password
        refuse(
            "is not a database URL",
            f"Write it as postgresql://user:password@host:5432/name. {_ESCAPE}",
        )


def _try(url: URL) -> None:
    """Let the dialect read the URL now, and not when the first connection is opened."""
    try:
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError, TypeError, AssertionError):
        refuse("has a parameter with a value that cannot be read", "Correct it, or leave it out.")


def _for_aiosqlite(url: URL) -> URL:
    if url.host or url.username:
        refuse(
            "is not the URL of a file",
            "Write three slashes before a relative path and four before an absolute one: "
            "sqlite:///./gatepost.db, sqlite:////var/lib/gatepost.db.",
        )
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        refuse(
            "keeps the database in memory",
            "Name a file, such as sqlite:///./gatepost.db: each connection would have a memory of "
            "its own.",
        )
    _know(url, _SQLITE_DROPPED)
    return url.set(query={})


def _for_asyncpg(url: URL) -> URL:
    _know(url, _POSTGRESQL_DROPPED | _POSTGRESQL_KEPT | _POSTGRESQL_IN_A_STRING)
    query: _Query = {name: url.query[name] for name in url.query if name in _POSTGRESQL_KEPT}
    if mode := _postgresql_ssl_mode(url):
        query["ssl"] = mode
    in_a_string = {name: url.query[name] for name in url.query if name in _POSTGRESQL_IN_A_STRING}
    if in_a_string:
        query["dsn"] = f"postgresql:///?{urlencode(in_a_string, doseq=True)}"
    if url.host and "%" in url.host:  # libpq's way to name a socket's folder
        query["host"] = unquote(url.host)
        url = url.set(host="")
    return url.set(query=query)


def _postgresql_ssl_mode(url: URL) -> str | None:
    said = _one(url, "sslmode", "ssl")
    mode = "require" if said in _YES else "disable" if said in _NO else said
    if mode is not None and mode not in _POSTGRESQL_SSL_MODES:
        refuse(
            "has an sslmode that does not exist",
            "Choose disable, allow, prefer, require, verify-ca or verify-full.",
        )
    return mode


def _for_asyncmy(url: URL) -> URL:
    _know(url, _MYSQL_DROPPED | _MYSQL_KEPT)
    query: _Query = {name: url.query[name] for name in url.query if name in _MYSQL_KEPT}
    query |= _mysql_encryption(url)
    # Less would lose characters, and compare names otherwise than the other databases do.
    query["charset"] = "utf8mb4"
    return url.set(query=query)


def _mysql_encryption(url: URL) -> _Query:
    """Return the driver's options for an ssl-mode: without a CA it verifies nothing."""
    said = _one(url, "ssl-mode", "ssl_mode", "sslmode", "ssl") or "preferred"
    mode = said.replace("-", "_")
    has_authority = bool({"ssl_ca", "ssl_capath"} & set(url.query))
    if mode in _NO | {"disabled", "disable", "preferred", "prefer"}:
        return {}
    if mode in _YES | {"required", "require"}:
        return {} if has_authority else {"ssl_check_hostname": "false"}
    if mode not in {"verify_ca", "verify_identity", "verify_full"}:
        refuse(
            "has an ssl-mode that does not exist",
            "Choose DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY.",
        )
    if not has_authority:
        refuse("has an ssl-mode that needs ssl_ca", "Add ssl_ca=/path/to/ca.pem to it.")
    return {"ssl_check_hostname": "false" if mode == "verify_ca" else "true"}


def _one(url: URL, *names: str) -> str | None:
    """The last value of the first of the parameters that is there, in lower case."""
    for name in names:
        if values := url.normalized_query.get(name):
            return values[-1].lower()
    return None


def _know(url: URL, known: set[str]) -> None:
    # Do not show the name: in a badly escaped URL it may be a part of the password.
    if set(url.query) - known:
        refuse(
            "has a parameter that is not supported",
            f"After its question mark these are: {', '.join(sorted(known))}.",
        )
