"""Finds obstacles before the first statement of a migration, so that it does not stop half-way."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, TextClause, bindparam, inspect, text
from sqlalchemy.exc import DBAPIError

from gatepost.db.base import PREFIX
from gatepost.migrations.models import metadata
from gatepost.migrations.resuming import was_interrupted
from gatepost.migrations.revisions import VERSION_TABLE, read_revision


class Obstacle(Exception):  # noqa: N818 - read as the fact that it states
    """Why a migration is impossible, and what to do, in sentences without a secret."""


def refuse_obstacles(connection: Connection) -> None:
    """Raise `Obstacle` for the first one found; change nothing."""
    obstacle = find_obstacle(connection)
    if obstacle is not None:
        raise Obstacle(obstacle)


def find_obstacle(connection: Connection) -> str | None:
    """Return why a migration of this database would fail, in sentences; None if it would not."""
    look = {"postgresql": _on_postgresql, "sqlite": _on_sqlite}.get(
        connection.dialect.name, _on_mariadb
    )
    return next(look(connection), None)


def _on_postgresql(connection: Connection) -> Iterator[str]:
    found = connection.execute(_POSTGRESQL).one()
    if found.encoding != "UTF8":
        yield (
            f"The database's encoding is {found.encoding}, which lacks characters of names and "
            "addresses. Create another one: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE "
            "template0."
        )
    if found.may_only_be_read:
        yield (
            "The database is read-only: it is a replica, or its user's transactions are set to "
            "read only. Set DATABASE_URL to the primary database."
        )
    if found.schema is None:
        yield (
            f"There is no schema to create tables in: search_path is {found.search_path}, and none "
            f"of these exists and is open to the user {found.user}. Create one, or set search_path."
        )
    if not found.may_create:
        yield (
            f"The user {found.user} may not create tables in the schema {found.schema}. Let its "
            f"owner run: GRANT CREATE ON SCHEMA {found.schema} TO {found.user};"
        )
    if found.schema_of_ours not in {None, found.schema}:
        yield (
            f"Gatepost's tables are in the schema {found.schema_of_ours}, but search_path begins "
            f"with {found.schema}, where new ones would be created. Correct search_path."
        )
    yield from _name_conflicts(connection, _POSTGRESQL_NAMES)
    if found.not_owned is not None:
        yield (
            f"The user {found.user} does not own {found.not_owned}, and so may not change it. "
            "Migrate as the user who created the tables."
        )


_POSTGRESQL = text(f"""
SELECT current_setting('server_encoding') AS encoding,
       current_setting('transaction_read_only') = 'on' AS may_only_be_read,
       current_schema()::text AS schema,
       current_user::text AS "user",
       current_setting('search_path') AS search_path,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
       (SELECT nspname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = to_regclass('{VERSION_TABLE}')) AS schema_of_ours,
       (SELECT min(relname)::text FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relname LIKE :ours AND relkind = 'r' AND nspname = current_schema()
          AND NOT pg_has_role(relowner, 'USAGE')) AS not_owned
""").bindparams(ours=PREFIX.replace("_", r"\_") + "%")  # noqa: S608 - names of our own

_POSTGRESQL_NAMES = text("""
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'f' THEN 'foreign table'
                    WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                    WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'index' END, relname::text
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = current_schema() AND relname IN :names
UNION ALL
SELECT 'type', typname::text FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
WHERE nspname = current_schema() AND typname IN :names AND typrelid = 0
""").bindparams(bindparam("names", expanding=True))


def _on_mariadb(connection: Connection) -> Iterator[str]:
    yield from _missing_privileges(connection)
    if not was_interrupted(connection):
        yield from _name_conflicts(connection, _MARIADB_NAMES)


def _missing_privileges(connection: Connection) -> Iterator[str]:
    """Yield a sentence about privileges that the user lacks; nothing if roles may grant them."""
    grants = [str(row[0]) for row in connection.execute(text("SHOW GRANTS"))]
    found = [_GRANT.match(grant) for grant in grants]
    if not all(found) or _public_has_grants(connection):
        return
    database = connection.engine.url.database or ""
    rights = {
        right.strip()
        for grant in found
        if grant and _is_of(database, grant["where"])
        for right in grant["what"].split(",")
    }
    missing = [right for right in _RIGHTS if right not in rights]
    if missing and "ALL PRIVILEGES" not in rights:
        yield (
            f"The database's user may not {', '.join(missing)} in {database}. Let an administrator "
            f"run: GRANT {', '.join(_RIGHTS)} ON `{database}`.* TO that user;"
        )


def _public_has_grants(connection: Connection) -> bool:
    """Whether the role PUBLIC, which MariaDB has from 10.11 on, has any grants."""
    try:
        return bool(connection.execute(text("SHOW GRANTS FOR PUBLIC")).all())
    except DBAPIError:
        return False  # there is no such role


_RIGHTS = (
    *("SELECT", "INSERT", "UPDATE", "DELETE"),
    *("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"),
)
_GRANT = re.compile(r"GRANT (?P<what>[A-Z ,]+) ON (?P<where>`.+`\.\S+|\*\.\*) TO ")


def _is_of(database: str, where: str) -> bool:
    """Return whether a grant is for all databases, or for a pattern that this name matches."""
    if where == "*.*":
        return True
    pattern = where.rpartition(".")[0].strip("`").replace(r"\_", "_").replace(r"\%", "%")
    return pattern == database or "%" in pattern or "_" in pattern


# Within a database the names of foreign keys are unique, too.
_MARIADB_NAMES = text("""
SELECT CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END,
       table_name
FROM information_schema.tables WHERE table_schema = database() AND table_name IN :names
UNION ALL
SELECT 'foreign key', constraint_name FROM information_schema.referential_constraints
WHERE constraint_schema = database() AND constraint_name IN :names
""").bindparams(bindparam("names", expanding=True))


def _on_sqlite(connection: Connection) -> Iterator[str]:
    yield from _name_conflicts(connection, _SQLITE_NAMES)


_SQLITE_NAMES = text(
    "SELECT type, name FROM sqlite_master WHERE lower(name) IN :names ORDER BY name"
).bindparams(bindparam("names", expanding=True))


def _name_conflicts(connection: Connection, query: TextClause) -> Iterator[str]:
    """Yield a sentence for each table or index of our names in a database without a revision."""
    if read_revision(connection) is not None:
        return
    for kind, name in connection.execute(query, {"names": sorted(_names(connection))}):
        yield (
            f"The {kind} {name} exists already, but Gatepost did not create it: the database has "
            f"no revision in {VERSION_TABLE}. Rename it, drop it, or use another database."
        )


def _names(connection: Connection) -> set[str]:
    """Every name that our tables, indexes, sequences and constraints will use."""
    names = set()
    for table in metadata.sorted_tables:
        names |= {table.name, f"{table.name}_id_seq"}
        names |= {str(index.name) for index in table.indexes}
        names |= {str(constraint.name) for constraint in table.constraints}
    # A full downgrade leaves the empty version table behind.
    is_kept = inspect(connection).has_table(VERSION_TABLE)
    return names if is_kept else names | {VERSION_TABLE, f"{VERSION_TABLE}_pkc"}
