"""fastapi-users' table, and that of the full-stack FastAPI template, which has the same columns."""

from gatepost.features.callers.roles import Role
from gatepost.features.imports.imported_user import ImportedUser
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import SourceSystem
from gatepost.security.legacy_hashes.foreign import to_phc


class FastApiUsers(SourceSystem):
    """`id, email, hashed_password, is_active, is_superuser, is_verified`, and common additions."""

    known_columns = frozenset(
        {
            *("id", "email", "username", "full_name", "hashed_password"),
            *("is_active", "is_superuser", "is_verified", "created_at"),
        }
    )

    distinctive_columns = frozenset({"hashed_password"})

    def read(self, row: Row) -> ImportedUser:
        address = fields.email(row)
        is_admin = fields.boolean(row, "is_superuser", default=False)
        return ImportedUser(
            address,
            username=self.username(fields.text(row, "username"), address),
            full_name=fields.text(row, "full_name"),
            role=Role.ADMIN if is_admin else Role.USER,
            is_active=fields.boolean(row, "is_active", default=True),
            email_verified=fields.boolean(row, "is_verified", default=False),
            created_at=fields.time(row, "created_at"),
            password_hash=self._hash(row),
        )

    def _hash(self, row: Row) -> str | None:
        text = fields.text(row, "hashed_password")
        return self.hash("hashed_password", lambda: None if text is None else to_phc(text))
