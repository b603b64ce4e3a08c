"""Auth0's exports: of user profiles, of password hashes, and its own format for imports."""

from collections.abc import Mapping
from typing import ClassVar

from gatepost.features.imports.imported_user import ImportedUser
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import PHONE_NUMBERS, SECOND_FACTORS, SOCIAL_LOGINS, SourceSystem
from gatepost.security.legacy_hashes import scrypt, texts
from gatepost.security.legacy_hashes.foreign import to_phc

_OWN_DATABASE = "auth0"
_UTF8 = "utf8"
_TEXT_ENCODINGS = {_UTF8, "ascii"}


class Auth0(SourceSystem):
    """`passwordHash` or `password_hash` (bcrypt), `custom_password_hash`, and the profile."""

    known_columns = frozenset(
        {
            *("_id", "user_id", "email", "email_verified", "username", "name", "given_name"),
            *("family_name", "blocked", "created_at", "updated_at", "app_metadata", "identifiers"),
            *("passwordHash", "password_hash", "custom_password_hash", "identities"),
            *("multifactor", "mfa_factors", "phone_number"),
        }
    )

    distinctive_columns = frozenset(
        {
            *("_id", "user_id", "tenant", "custom_password_hash", "app_metadata"),
            *("identities", "identifiers"),
        }
    )
    email_columns = frozenset({"email", "identifiers"})
    aliases: ClassVar[Mapping[str, str]] = {"id": "user_id"}

    def read(self, row: Row) -> ImportedUser:
        row = _with_identifier(row)
        address = fields.email(row)
        self._count(row)
        full_name = fields.text(row, "name")
        if full_name is None or "@" in full_name:  # Auth0 copies the address if there is no name
            full_name = fields.name_of(row, "given_name", "family_name")
        roles = fields.words(fields.members(row, "app_metadata"), "role", "roles")
        return ImportedUser(
            address,
            username=self.username(fields.text(row, "username"), address),
            full_name=full_name,
            role=self.options.role_of(roles),
            is_active=not fields.boolean(row, "blocked", default=False),
            email_verified=fields.boolean(row, "email_verified", default=False),
            created_at=fields.time(row, "created_at"),
            updated_at=fields.time(row, "updated_at"),
            password_hash=self._hash(row),
        )

    def _count(self, row: Row) -> None:
        providers = [entry.get("provider") for entry in fields.entries(row, "identities")]
        self.skip(SOCIAL_LOGINS, sum(provider != _OWN_DATABASE for provider in providers))
        self.skip(SECOND_FACTORS, bool(row.get("multifactor") or row.get("mfa_factors")))
        self.skip(PHONE_NUMBERS, bool(row.get("phone_number")))

    def _hash(self, row: Row) -> str | None:
        custom = fields.members(row, "custom_password_hash")
        if custom:
            return self.hash("custom_password_hash", lambda: _of_custom(custom))
        name = "passwordHash" if row.get("passwordHash") else "password_hash"
        text = fields.text(row, name)
        return self.hash(name, lambda: None if text is None else to_phc(text))


def _with_identifier(row: Row) -> Row:
    """The row with its address as `email`; newer exports may have it in `identifiers` only."""
    if row.get("email"):
        return row
    for entry in fields.entries(row, "identifiers"):
        if entry.get("type") == "email":
            verified = entry.get("verified", False)
            return {**row, "email": entry.get("value"), "email_verified": verified}
    return row


def _of_custom(custom: Row) -> str:
    """The stored form of a `custom_password_hash`; raises `ValueError` if it is not supported."""
    if fields.members(custom, "password").get("encoding", _UTF8) not in _TEXT_ENCODINGS:
        raise ValueError("the password was hashed in another encoding")
    hash_ = fields.members(custom, "hash")
    if custom["algorithm"] in {"argon2", "bcrypt", "ldap", "pbkdf2"}:
        return to_phc(hash_["value"])
    if custom["algorithm"] != "scrypt":
        raise ValueError("a plain digest")
    return scrypt.stored(
        int(custom.get("cost", 16384)),
        int(custom.get("blockSize", 8)),
        int(custom.get("parallelization", 1)),
        _bytes_of(fields.members(custom, "salt")),
        _bytes_of(hash_),
    )


def _bytes_of(part: Row) -> bytes:
    encoding, value = part.get("encoding", _UTF8), part["value"]
    if encoding == "hex":
        return bytes.fromhex(value)
    if encoding == "base64":
        return texts.base64(value)
    if encoding == "latin1":
        return str(value).encode("latin-1")
    if encoding not in _TEXT_ENCODINGS:
        raise ValueError("an encoding that is not supported")
    return str(value).encode()
