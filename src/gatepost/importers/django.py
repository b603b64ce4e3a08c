"""Django: `auth_user` or a table like it, or its rows as `manage.py dumpdata` writes them."""

from collections.abc import Collection

from gatepost.features.callers.roles import Role
from gatepost.features.imports.imported_user import ImportedUser
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import SourceSystem
from gatepost.security.legacy_hashes.foreign import to_phc

TABLE = "auth_user"

_UNUSABLE = "!"


class Django(SourceSystem):
    """A model with the fields of `AbstractUser`; only the address is required."""

    known_columns = frozenset(
        {
            *("model", "pk", "fields", "id", "username", "email", "first_name", "last_name"),
            *("password", "is_active", "is_staff", "is_superuser", "date_joined"),
            *("last_login", "groups", "user_permissions"),
        }
    )

    distinctive_columns = frozenset({"model", "pk", "is_staff", "date_joined"})

    def columns(self, row: Row) -> Collection[str]:
        if not _is_dumped(row):
            return row.keys()
        # Rows of other models have no address.
        fields_of = row["fields"] if isinstance(row["fields"], dict) else {}
        return {*row, *fields_of} | ({"email"} if self.kind_of_non_account(row) else set())

    def kind_of_non_account(self, row: Row) -> str | None:
        if not _is_dumped(row):
            return None
        wanted = (self.options.table or TABLE).replace(".", "_").lower()
        label = str(row["model"]).replace(".", "_").lower()
        return None if label == wanted else "objects of other models"

    def read(self, row: Row) -> ImportedUser:
        user = fields.members(row, "fields") if _is_dumped(row) else row
        address = fields.email(user)
        self.skip("groups and permissions", bool(user.get("groups")))
        return ImportedUser(
            address,
            username=self.username(fields.text(user, "username"), address),
            full_name=fields.name_of(user, "first_name", "last_name"),
            role=self._role(user),
            is_active=fields.boolean(user, "is_active", default=True),
            created_at=fields.time(user, "date_joined"),
            password_hash=self._hash(user),
        )

    def _role(self, user: Row) -> Role:
        if fields.boolean(user, "is_superuser", default=False):
            return Role.ADMIN
        is_staff = fields.boolean(user, "is_staff", default=False)
        return self.options.staff_role if is_staff else Role.USER

    def _hash(self, user: Row) -> str | None:
        text = fields.text(user, "password")
        if text is None or text.startswith(_UNUSABLE):
            return None
        return self.hash("password", lambda: to_phc(text))


def _is_dumped(row: Row) -> bool:
    """Whether the row comes from `dumpdata`, not from a table."""
    return "model" in row and "fields" in row
