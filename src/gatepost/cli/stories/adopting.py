"""Other systems at the command line: what is said of one, and where its users are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gatepost.adopting.adopters import Adoption
from gatepost.adopting.options import Options
from gatepost.features.accounts.import_batches import Reading
from gatepost.features.accounts.import_columns import one_by_one
from gatepost.features.callers.roles import Role
from gatepost.files.rows import Row
from gatepost.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another system, and what the operator says of it; see `Options`."""

    system: str
    table: str | None
    staff_role: Role
    admin_roles: frozenset[str]
    moderator_roles: frozenset[str]
    drops_unknown_hashes: bool
    hash_config: Path | None

    @property
    def told(self) -> str:
        """All of it, for telling one import from another."""
        roles = sorted(self.admin_roles), sorted(self.moderator_roles), self.staff_role.value
        return repr((self.system, self.table, roles, self.drops_unknown_hashes, self.hash_config))

    def adopt(self, runtime: Runtime) -> Adoption:
        """Begin to take over; raises `BrokenFile` if the system needs something else, too."""
        options = Options(
            now=runtime.clock.now(),
            recognises_hash=runtime.passwords.recognises,
            table=self.table,
            admin_roles=self.admin_roles,
            moderator_roles=self.moderator_roles,
            staff_role=self.staff_role,
            drops_unknown_hashes=self.drops_unknown_hashes,
            hash_config=self.hash_config,
        )
        return Adoption(self.system, options)


@contextmanager
def reading_of(adoption: Adoption, name: str, file: BinaryIO | None) -> Iterator[Reading]:
    """What an import reads: the open file, or without one a database's table or a folder."""
    with _rows(adoption, name, file) as rows:
        yield Reading(rows, one_by_one(adoption.read), adoption.knows, adoption.meter)


def is_url(name: str) -> bool:
    """Whether it names a database, not a file."""
    return "://" in name


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "the URL"


@contextmanager
def _rows(adoption: Adoption, name: str, file: BinaryIO | None) -> Iterator[Iterator[Row]]:
    if file is not None:
        yield adoption.rows_of_file(file)
    elif is_url(name):
        with adoption.rows_of_table(name) as rows:
            yield rows
    else:
        yield adoption.rows_of_folder(Path(name))
