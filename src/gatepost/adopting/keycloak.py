"""Keycloak's exports of a realm: one file, or a folder of them."""

from gatepost.adopting import fields
from gatepost.adopting.fields import Row
from gatepost.adopting.system import SECOND_FACTORS, SOCIAL_LOGINS, System
from gatepost.features.accounts.imported_user import ImportedUser
from gatepost.security.legacy_hashes import argon2, pbkdf2, texts
from gatepost.security.legacy_hashes.foreign import stored_form

_PASSWORD = "password"  # noqa: S105 - the name of a kind of credential
_FACTORS = {"otp", "totp", "hotp", "webauthn", "webauthn-passwordless", "recovery-authn-codes"}

# PBKDF2's names there, and the digest of each.
_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


class Keycloak(System):
    """Users with their credentials, as `kc.sh export` writes them, today and before version 4."""

    known_columns = frozenset(
        {
            *("id", "username", "email", "emailVerified", "enabled", "firstName", "lastName"),
            *("createdTimestamp", "credentials", "realmRoles", "federatedIdentities"),
            *("serviceAccountClientId", "groups", "attributes", "clientRoles", "totp"),
            "requiredActions",
        }
    )

    hallmarks = frozenset({"createdTimestamp", "credentials", "requiredActions", "realmRoles"})
    leaves_out_nothing = False

    def not_an_account(self, row: Row) -> str | None:
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
            is_active=fields.truth(row, "enabled", default=True),
            email_verified=fields.truth(row, "emailVerified", default=False),
            created_at=fields.milliseconds(row, "createdTimestamp"),
            password=plain,
            password_hash=None if plain else self.hash("credentials", lambda: _stored_form(own)),
        )

    def _count(self, row: Row, credentials: list[Row]) -> None:
        factors = sum(each.get("type") in _FACTORS for each in credentials)
        self.leave(SECOND_FACTORS, factors)
        self.leave(SOCIAL_LOGINS, len(fields.entries(row, "federatedIdentities")))
        self.leave("groups", bool(row.get("groups")))
        self.leave("required actions", bool(row.get("requiredActions")))
        self.leave("attributes", bool(row.get("attributes")))
        self.leave("roles of clients", bool(row.get("clientRoles")))


def _stored_form(credential: Row) -> str | None:
    """The stored form of a credential; None if there is none."""
    if not credential:
        return None
    if "hashedSaltedValue" in credential:
        said, secret = credential, {**credential, "value": credential["hashedSaltedValue"]}
    else:
        said = fields.members(credential, "credentialData")
        secret = dict(fields.members(credential, "secretData"))
    algorithm, value = said["algorithm"], secret["value"]
    if value.startswith("$"):  # a provider of other hashes, such as bcrypt, keeps their own form
        return stored_form(value)
    salt, derived = texts.base64(secret["salt"]), texts.base64(value)
    if algorithm in _PBKDF2:
        return pbkdf2.stored(_PBKDF2[algorithm], int(said["hashIterations"]), salt, derived)
    if algorithm != "argon2":
        raise ValueError("an algorithm that is not supported")
    more = {name: values[0] for name, values in said["additionalParameters"].items()}
    return argon2.stored(
        kind=more["type"],
        version=more["version"],
        cost=argon2.Argon2Cost(
            int(more["memory"]), int(said["hashIterations"]), int(more["parallelism"])
        ),
        salt=salt,
        tag=derived,
    )
