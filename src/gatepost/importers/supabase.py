"""Supabase: the table `auth.users`, or a dump of it."""

from gatepost.features.callers.roles import Role
from gatepost.features.imports.imported_user import ImportedUser
from gatepost.files.times import INFINITE_FUTURE
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import PHONE_NUMBERS, SOCIAL_LOGINS, SourceSystem
from gatepost.security.legacy_hashes.foreign import to_phc

_OWN_PROVIDERS = {"email", "phone"}


class Supabase(SourceSystem):
    """Roles come from `raw_app_meta_data` only: users can write `raw_user_meta_data`."""

    known_columns = frozenset(
        {
            *("id", "email", "phone", "encrypted_password", "email_confirmed_at", "confirmed_at"),
            *("raw_app_meta_data", "raw_user_meta_data", "banned_until", "deleted_at"),
            *("is_super_admin", "is_anonymous", "created_at", "updated_at"),
        }
    )

    distinctive_columns = frozenset(
        {"encrypted_password", "raw_app_meta_data", "raw_user_meta_data", "email_confirmed_at"}
    )

    def kind_of_non_account(self, row: Row) -> str | None:
        if _is_past(row, "deleted_at"):
            return "deleted accounts"
        return "anonymous accounts" if fields.boolean(row, "is_anonymous", default=False) else None

    def read(self, row: Row) -> ImportedUser:
        address = fields.email(row)
        ours, theirs = (
            fields.members(row, name) for name in ("raw_app_meta_data", "raw_user_meta_data")
        )
        self.skip(SOCIAL_LOGINS, len(fields.words(ours, "providers") - _OWN_PROVIDERS))
        self.skip(PHONE_NUMBERS, bool(row.get("phone")))
        is_admin = fields.boolean(row, "is_super_admin", default=False)
        roles = fields.words(ours, "role", "roles")
        banned_until = fields.deadline(row, "banned_until")
        is_verified = any(_is_past(row, f"{name}confirmed_at") for name in ("email_", ""))
        return ImportedUser(
            address,
            full_name=fields.text(theirs, "full_name") or fields.text(theirs, "name"),
            role=Role.ADMIN if is_admin else self.options.role_of(roles),
            is_active=banned_until is None or banned_until <= self.now,
            email_verified=is_verified,
            created_at=fields.time(row, "created_at"),
            updated_at=fields.time(row, "updated_at"),
            password_hash=self._hash(row),
        )

    def _hash(self, row: Row) -> str | None:
        text = fields.text(row, "encrypted_password")
        return self.hash("encrypted_password", lambda: None if text is None else to_phc(text))


def _is_past(row: Row, name: str) -> bool:
    """Whether there is a time; infinity means never."""
    return fields.deadline(row, name) not in {None, INFINITE_FUTURE}
