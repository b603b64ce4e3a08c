"""Keycloak: exports of a realm, one file or a folder of files."""

from gatepost.features.imports.imported_user import ImportedUser
from gatepost.importers import fields
from gatepost.importers.fields import Row
from gatepost.importers.system import SECOND_FACTORS, SOCIAL_LOGINS, SourceSystem
from gatepost.security.legacy_hashes import argon2, pbkdf2, texts
from gatepost.security.legacy_hashes.foreign import to_phc

_PASSWORD = "password"  # noqa: S105 - the name of a kind of credential
_FACTORS = {"otp", "totp", "hotp", "webauthn", "webauthn-passwordless", "recovery-authn-codes"}

# PBKDF2's names there, and the digest of each.
_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


class Keycloak(SourceSystem):
    """Users with their credentials, as `kc.sh export` writes them, today and before version 4."""

    known_columns = frozenset(
        {
            *("id", "username", "email", "emailVerified", "enabled", "firstName", "lastName"),
            *("createdTimestamp", "credentials", "realmRoles", "federatedIdentities"),
            *("serviceAccountClientId", "groups", "attributes", "clientRoles", "totp"),
            "requiredActions",
        }
    )

    distinctive_columns = frozenset(
        {"createdTimestamp", "credentials", "requiredActions", "realmRoles"}
    )
    has_every_column = False

    def kind_of_non_account(self, row: Row) -> str | None:
        return "service accounts" if row.get("serviceAccountClientId") else None

    def read(self, row: Row) -> ImportedUser:
        address = fields.email(row)
        credentials = fields.entries(row, "credentials")
        self._count(row, credentials)
        own = next((each for each in credentials if each.get("type") == _PASSWORD), {})
        plain = fields.text(own, "value")
        return ImportedUser(
            address,
            username=self.username(fields.text(row, "username"), address),
            full_name=fields.name_of(row, "firstName", "lastName"),
            role=self.options.role_of(fields.words(row, "realmRoles")),
            is_active=fields.boolean(row, "enabled", default=True),
            email_verified=fields.boolean(row, "emailVerified", default=False),
            created_at=fields.milliseconds(row, "createdTimestamp"),
            password=plain,
            password_hash=None if plain else self.hash("credentials", lambda: _stored_form(own)),
        )

    def _count(self, row: Row, credentials: list[Row]) -> None:
        factors = sum(each.get("type") in _FACTORS for each in credentials)
        self.skip(SECOND_FACTORS, factors)
        self.skip(SOCIAL_LOGINS, len(fields.entries(row, "federatedIdentities")))
        self.skip("groups", bool(row.get("groups")))
        self.skip("required actions", bool(row.get("requiredActions")))
        self.skip("attributes", bool(row.get("attributes")))
        self.skip("roles of clients", bool(row.get("clientRoles")))


def _stored_form(credential: Row) -> str | None:
    """The stored form of a credential; None if there is none."""
    if not credential:
        return None
    if "hashedSaltedValue" in credential:
        data, secret = credential, {**credential, "value": credential["hashedSaltedValue"]}
    else:
        data = fields.members(credential, "credentialData")
        secret = dict(fields.members(credential, "secretData"))
    algorithm, value = data["algorithm"], secret["value"]
    if value.startswith(
        "$"
    ):  # extensions with other hashes, such as bcrypt, write them in their own form
        return to_phc(value)
    salt, derived = texts.base64(secret["salt"]), texts.base64(value)
    if algorithm in _PBKDF2:
        return pbkdf2.stored(_PBKDF2[algorithm], int(data["hashIterations"]), salt, derived)
    if algorithm != "argon2":
        raise ValueError("an algorithm that is not supported")
    more = {name: values[0] for name, values in data["additionalParameters"].items()}
    return argon2.stored(
        kind=more["type"],
        version=more["version"],
        cost=argon2.Argon2Cost(
            int(more["memory"]), int(data["hashIterations"]), int(more["parallelism"])
        ),
        salt=salt,
        tag=derived,
    )
