"""Django's users: `auth_user` or a table like it, or what `manage.py dumpdata` writes of it."""

from collections.abc import Collection

from gatepost.adopting import fields
from gatepost.adopting.fields import Row
from gatepost.adopting.system import System
from gatepost.features.accounts.imported_user import ImportedUser
from gatepost.features.callers.roles import Role
from gatepost.security.legacy_hashes.foreign import stored_form

TABLE = "auth_user"

_UNUSABLE = "!"


class Django(System):
    """A model with the fields of `AbstractUser`, all but the address optional."""

    known_columns = frozenset(
        {
            *("model", "pk", "fields", "id", "username", "email", "first_name", "last_name"),
            *("password", "is_active", "is_staff", "is_superuser", "date_joined"),
            *("last_login", "groups", "user_permissions"),
        }
    )

    hallmarks = frozenset({"model", "pk", "is_staff", "date_joined"})

    def columns(self, row: Row) -> Collection[str]:
        if not _is_dumped(row):
            return row.keys()
        # Of other models there are rows, too, which have no address.
        fields_of = row["fields"] if isinstance(row["fields"], dict) else {}
        return {*row, *fields_of} | ({"email"} if self.not_an_account(row) else set())

    def not_an_account(self, row: Row) -> str | None:
        if not _is_dumped(row):
            return None
        wanted = (self.options.table or TABLE).replace(".", "_").lower()
        label = str(row["model"]).replace(".", "_").lower()
        return None if label == wanted else "objects of other models"

    def read(self, row: Row) -> ImportedUser:
        user = fields.members(row, "fields") if _is_dumped(row) else row
        address = fields.email(user)
        self.leave("groups and permissions", bool(user.get("groups")))
        return ImportedUser(
            address,
            username=self.username(fields.text(user, "username"), address),
            full_name=fields.name_of(user, "first_name", "last_name"),
            role=self._role(user),
            is_active=fields.truth(user, "is_active", default=True),
            created_at=fields.time(user, "date_joined"),
            password_hash=self._hash(user),
        )

    def _role(self, user: Row) -> Role:
        if fields.truth(user, "is_superuser", default=False):
            return Role.ADMIN
        is_staff = fields.truth(user, "is_staff", default=False)
        return self.options.staff_role if is_staff else Role.USER

    def _hash(self, user: Row) -> str | None:
        text = fields.text(user, "password")
        if text is None or text.startswith(_UNUSABLE):
            return None
        return self.hash("password", lambda: stored_form(text))


def _is_dumped(row: Row) -> bool:
    """Whether the row is an object of `dumpdata`, and not one of a table."""
    return "model" in row and "fields" in row
