"""The exports of other systems are read as they are: who comes over, and what stays behind."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from gatepost.features.callers.roles import Role
from gatepost.features.imports.imported_user import BadRow, Reason
from gatepost.files.rows import BrokenFile, UnreadableRow
from gatepost.importers.registry import SYSTEMS
from gatepost.security.hash_pool import HashPool
from gatepost.security.passwords import Passwords
from tests.support.cheap_hashes import cheap_settings
from tests.support.foreign_hashes import PASSWORD, SIGNER_KEY
from tests.support.taking_over import EXPORTS, HASH_CONFIG, Taken, begin, take, take_over

NO_ADDRESS = ("field_missing", "email")


async def can_log_in(pool: HashPool, taken: Taken) -> set[str]:
    """Whose hash is one of the samples' password."""
    passwords = Passwords(cheap_settings(firebase_signer_key=SIGNER_KEY), pool)
    return {
        email
        for email, user in taken.users.items()
        if (await passwords.verify(PASSWORD, user.password_hash)).matches
    }


@pytest.fixture
def pool() -> Iterator[HashPool]:
    pool = HashPool(threads=1, queue_limit=10)
    yield pool
    pool.close()


# fastapi-users and the template.


@pytest.mark.anyio
async def test_fastapi_users_come_with_hash_flags_and_admins(pool: HashPool) -> None:
    taken = take_over("fastapi-users", "fastapi-users.csv")
    ada, grace = taken.users["ada@example.com"], taken.users["grace@example.com"]
    assert (ada.role, ada.is_active, ada.email_verified) == (Role.ADMIN, True, True)
    assert (grace.role, grace.is_active, grace.email_verified) == (Role.USER, False, False)
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}
    assert taken.refused == {3: ("field_invalid", "is_active")}


@pytest.mark.anyio
async def test_the_templates_users_come_with_name_and_time(pool: HashPool) -> None:
    taken = take_over("full-stack-template", "full-stack-template.jsonl")
    ada, grace = taken.users["ada@example.com"], taken.users["grace@example.com"]
    assert (ada.full_name, ada.role, ada.email_verified) == ("Ada Lovelace", Role.ADMIN, False)
    assert ada.created_at == datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert (grace.full_name, grace.created_at) == (None, None)
    assert await can_log_in(pool, taken) == set(taken.users)


# better-auth.


@pytest.mark.anyio
async def test_better_auths_users_come_with_the_passwords_of_their_accounts(pool: HashPool) -> None:
    taken = take_over("better-auth", "better-auth.jsonl")
    ada, grace, joan = (taken.users[f"{name}@example.com"] for name in ("ada", "grace", "joan"))
    assert (ada.username, ada.full_name, ada.role) == ("Ada_L", "Ada Lovelace", Role.ADMIN)
    assert (ada.is_active, ada.email_verified) == (True, True)
    assert ada.created_at == datetime(2024, 5, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert grace.created_at == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert grace.updated_at == datetime(2024, 5, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert (grace.is_active, joan.is_active) == (False, True)
    assert joan.password_hash is None
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}
    assert taken.refused == {4: ("hash_unsupported", "password")}
    assert taken.skipped == {
        "anonymous accounts": 1,
        "phone numbers": 1,
        "second factors": 1,
        "social logins": 2,
    }


# Django.


@pytest.mark.anyio
@pytest.mark.parametrize("export", ["django.json", "django.jsonl"])
async def test_what_django_dumps_is_read_past_other_models(pool: HashPool, export: str) -> None:
    taken = take_over("django", export)
    grace, ada, noone = (taken.users[f"{name}@example.com"] for name in ("grace", "ada", "noone"))
    assert (grace.email, grace.username, grace.full_name) == (
        "Grace@example.com",
        "grace",
        "Grace Hopper",
    )
    assert grace.created_at == datetime(2019, 3, 1, 10, 50, 51, 232000, tzinfo=UTC)
    assert (grace.role, ada.role, noone.role) == (Role.ADMIN, Role.USER, Role.USER)
    assert (ada.username, noone.username) == (None, None)
    assert (noone.is_active, noone.password_hash) == (False, None)
    assert await can_log_in(pool, taken) == {"grace@example.com", "ada@example.com"}
    assert taken.refused == {4: ("hash_unsupported", "password"), 5: NO_ADDRESS}
    assert taken.skipped == {
        "objects of other models": 2,
        "usernames that are not valid here": 1,
        "groups and permissions": 1,
    }


def test_djangos_staff_are_what_the_operator_says() -> None:
    users = take_over("django", "django.json", staff_role=Role.MODERATOR).users
    assert users["ada@example.com"].role is Role.MODERATOR
    assert users["grace@example.com"].role is Role.ADMIN


def test_a_custom_user_model_of_django_is_named() -> None:
    assert take_over("django", "django.json", table="auth.User").users
    assert not take_over("django", "django.json", table="accounts.User").users


def test_hashes_that_nothing_can_verify_can_be_dropped() -> None:
    taken = take_over("django", "django.json", drops_unknown_hashes=True)
    assert taken.users["old@example.com"].password_hash is None
    assert taken.skipped["passwords"] == 1
    assert taken.users["grace@example.com"].password_hash is not None


# Auth0.


@pytest.mark.anyio
async def test_auth0s_password_hashes_come_with_the_address_wherever_it_stands(
    pool: HashPool,
) -> None:
    taken = take_over("auth0", "auth0-hashes.ndjson")
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}
    assert not taken.users["ada@example.com"].email_verified
    assert taken.users["grace@example.com"].email_verified
    assert taken.refused == {3: NO_ADDRESS}


def test_auth0s_profiles_give_roles_that_users_cannot_write() -> None:
    taken = take_over("auth0", "auth0-users.ndjson")
    ada, grace = taken.users["ada@example.com"], taken.users["grace@example.com"]
    assert (ada.full_name, ada.role, ada.is_active) == ("Ada Lovelace", Role.ADMIN, True)
    assert ada.updated_at == datetime(2020, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
    assert (grace.full_name, grace.role, grace.is_active) == ("Grace Hopper", Role.USER, False)
    assert grace.username == "grace"
    assert taken.skipped == {"social logins": 1, "second factors": 1}


def test_auth0s_csv_is_read_too() -> None:
    ada = take_over("auth0", "auth0-users.csv").users["ada@example.com"]
    assert (ada.full_name, ada.email_verified, ada.is_active) == ("Ada Lovelace", True, True)


@pytest.mark.anyio
async def test_auth0s_own_format_for_imports_brings_hashes_of_several_kinds(
    pool: HashPool,
) -> None:
    taken = take_over("auth0", "auth0-import.json")
    names = ("argon", "bcrypt", "pbkdf2", "scrypt")
    assert await can_log_in(pool, taken) == {f"{name}@example.com" for name in names}
    unsupported = ("hash_unsupported", "custom_password_hash")
    assert taken.refused == {5: unsupported, 6: unsupported}
    assert taken.skipped == {"second factors": 1}


EXTENSION = {
    "Id": "auth0|5dea9f9c82dd7c0e76e4ec93",
    "Given Name": "Ada",
    "Family Name": "Lovelace",
    "Nickname": "ada",
    "Name": "ada@example.com",
    "Email": "ada@example.com",
    "Email Verified": True,
    "Picture": "https://example.com/a.png",
    "Connection": "Username-Password-Authentication",
    "Created At": "2019-12-06T18:36:12.412Z",
    "Updated At": "2020-01-02T03:04:05.006Z",
}


def separated(by: str) -> str:
    text = io.StringIO(newline="")
    values = [str(value).lower() if value is True else value for value in EXTENSION.values()]
    csv.writer(text, delimiter=by, quoting=csv.QUOTE_ALL).writerows([EXTENSION, values])
    return text.getvalue()


@pytest.mark.parametrize(
    "content",
    [json.dumps(EXTENSION), json.dumps([EXTENSION]), separated("\t"), separated(",")],
)
def test_the_default_columns_of_auth0s_extension_are_read(content: str) -> None:
    source = begin("auth0")
    ada = take(source, source.rows_of_file(io.BytesIO(content.encode()))).users["ada@example.com"]
    assert (ada.full_name, ada.email_verified, ada.is_active) == ("Ada Lovelace", True, True)
    assert ada.created_at == datetime(2019, 12, 6, 18, 36, 12, 412000, tzinfo=UTC)
    assert ada.updated_at == datetime(2020, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
    assert not source.is_known_column("Picture")
    assert source.is_known_column("Given Name")


# Keycloak.


@pytest.mark.anyio
async def test_a_folder_of_keycloaks_is_read_in_order(pool: HashPool) -> None:
    taken = take_over("keycloak", "keycloak")
    assert list(taken.users) == [
        f"{name}@example.com" for name in ("ada", "grace", "joan", "mary", "hedy", "plain")
    ]
    ada, grace = taken.users["ada@example.com"], taken.users["grace@example.com"]
    assert (ada.full_name, ada.username, ada.role) == ("Ada Lovelace", "ada", Role.ADMIN)
    assert ada.created_at == datetime(2017, 7, 18, 14, 48, 40, 603000, tzinfo=UTC)
    assert (grace.username, grace.role, grace.is_active) == (None, Role.MODERATOR, False)
    assert not taken.users["joan@example.com"].email_verified
    plain = taken.users.pop("plain@example.com")
    assert (plain.password, plain.password_hash) == ("a new battery 7", None)
    assert await can_log_in(pool, taken) == set(taken.users)
    assert taken.refused == {6: NO_ADDRESS, 7: ("hash_unsupported", "credentials")}
    assert taken.skipped == {
        "second factors": 1,
        "social logins": 1,
        "groups": 1,
        "required actions": 1,
        "service accounts": 1,
    }


@pytest.mark.anyio
@pytest.mark.parametrize("export", ["keycloak-3.json", "keycloak-all-realms.json"])
async def test_keycloaks_older_form_and_several_realms_are_read(
    pool: HashPool, export: str
) -> None:
    taken = take_over("keycloak", export)
    assert taken.users
    assert await can_log_in(pool, taken) == set(taken.users)


def test_which_roles_of_keycloak_are_ours_is_said() -> None:
    roles = {"admin_roles": frozenset({"moderator"}), "moderator_roles": frozenset({"admin"})}
    users = take_over("keycloak", "keycloak", **roles).users
    assert users["ada@example.com"].role is Role.MODERATOR
    assert users["grace@example.com"].role is Role.ADMIN


# Firebase.


@pytest.mark.anyio
@pytest.mark.parametrize("export", ["firebase.json", "firebase.csv"])
async def test_firebases_accounts_come_with_their_hashes(pool: HashPool, export: str) -> None:
    taken = take_over("firebase", export, hash_config=HASH_CONFIG)
    ada, grace = taken.users["ada@example.com"], taken.users["grace@example.com"]
    assert (ada.full_name, ada.role, ada.email_verified) == ("Lovelace, Ada", Role.ADMIN, True)
    assert ada.created_at == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
    assert (grace.role, grace.is_active, grace.email_verified) == (Role.USER, False, False)
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}
    assert taken.users["social@example.com"].password_hash is None
    assert taken.refused == {3: NO_ADDRESS}
    assert taken.skipped == {
        "social logins": 2,
        "phone numbers": 1,
        "anonymous accounts": 1,
    }


def test_firebases_hashes_need_their_parameters() -> None:
    with pytest.raises(BrokenFile, match="--hash-config"):
        begin("firebase")
    with pytest.raises(BrokenFile, match="no hash parameters"):
        begin("firebase", hash_config=EXPORTS / "firebase.csv")
    with pytest.raises(BrokenFile, match="FIREBASE_SIGNER_KEY"):
        begin("firebase", hash_config=HASH_CONFIG, is_supported_hash=lambda _: False)


def test_firebases_users_come_without_passwords_where_that_is_asked_for() -> None:
    taken = take_over("firebase", "firebase.json", drops_unknown_hashes=True)
    assert {user.password_hash for user in taken.users.values()} == {None}
    assert taken.skipped["passwords"] == 2


def test_a_hash_of_firebase_without_its_salt_is_none() -> None:
    users = json.loads((EXPORTS / "firebase.json").read_text(encoding="utf-8"))["users"]
    row = next(user for user in users if user.get("salt"))
    assert begin("firebase", hash_config=HASH_CONFIG).read(row).password_hash
    del row["salt"]
    with pytest.raises(BadRow) as refused:
        begin("firebase", hash_config=HASH_CONFIG).read(row)
    assert refused.value.reason is Reason.HASH_UNSUPPORTED


def with_more_providers(count: int) -> bytes:
    """The sample CSV as versions of the command write it that know more providers, or fewer."""
    text = io.StringIO(newline="")
    for cells in csv.reader((EXPORTS / "firebase.csv").read_text().splitlines()):
        more = ["7", "ada@example.com", "Ada, L.", "https://example.com/a,b"] * (cells[0] == "e")
        csv.writer(text).writerow([*cells[:28], *[""] * (count - 33), *more, ""][:count])
    return text.getvalue().encode()


@pytest.mark.anyio
@pytest.mark.parametrize("count", [33, 53, 57, 93])
async def test_firebases_csv_may_have_the_columns_of_more_providers(
    pool: HashPool, count: int
) -> None:
    source = begin("firebase", hash_config=HASH_CONFIG)
    taken = take(source, source.rows_of_file(io.BytesIO(with_more_providers(count))))
    of_the_sample = take_over("firebase", "firebase.csv", hash_config=HASH_CONFIG)
    assert list(taken.users) == list(of_the_sample.users)
    assert taken.users["grace@example.com"].is_active is False
    assert taken.users["ada@example.com"].role is Role.ADMIN
    assert taken.skipped["social logins"] == of_the_sample.skipped["social logins"] + 1
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}


@pytest.mark.parametrize("commas", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("count", [29, 53])
def test_a_comma_without_quotes_moves_no_cell_of_firebases_csv(commas: int, count: int) -> None:
    cells = ["x", "x@example.com", "true", "", "", "X", "https://example.com/a" + "," * commas]
    cells += [*[""] * 16, "1600000000000", "1600000000000", "", "true", "", *[""] * (count - 28)]
    lines = ",".join(cells).encode() + b"\n" + with_more_providers(53)
    source = begin("firebase", hash_config=HASH_CONFIG)
    first, *rest = source.rows_of_file(io.BytesIO(lines))
    assert isinstance(first, UnreadableRow)
    assert not any(isinstance(row, UnreadableRow) for row in rest)


# Supabase.


@pytest.mark.anyio
async def test_supabases_users_come_but_for_the_deleted_and_the_anonymous(pool: HashPool) -> None:
    taken = take_over("supabase", "supabase.csv")
    ada, grace, back = (taken.users[f"{name}@example.com"] for name in ("ada", "grace", "back"))
    assert (ada.full_name, ada.role, ada.email_verified) == ("Ada Lovelace", Role.ADMIN, True)
    assert ada.created_at == datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert (grace.full_name, grace.role, grace.email_verified) == ("Grace", Role.USER, False)
    assert (ada.is_active, grace.is_active, back.is_active) == (True, False, True)
    assert back.password_hash is None
    assert await can_log_in(pool, taken) == {"ada@example.com", "grace@example.com"}
    assert taken.refused == {4: NO_ADDRESS, 5: ("field_invalid", "raw_app_meta_data")}
    assert taken.skipped == {
        "social logins": 1,
        "phone numbers": 1,
        "deleted accounts": 1,
        "anonymous accounts": 1,
    }


# All of them.

BAD_VALUES = ["\0", "[", "{}", "[]", [], {}, 0, -1, 1e300, True, "9" * 30, "2024-13-01", ["x"]]


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_value_of_any_field_is_more_than_a_refused_row(name: str) -> None:
    source = begin(name, drops_unknown_hashes=True)
    rows = [
        {"email": "ada@example.com", "model": "auth.user", "fields": {column: value}}
        | {column: value}
        for column in sorted(source.known_columns - {""})
        for value in BAD_VALUES
    ]
    taken = take(source, iter(rows))
    assert len(taken.refused) > len(BAD_VALUES)
    assert set(taken.refused.values()) <= {
        (reason, column)
        for reason in ("field_invalid", "field_missing", "hash_unsupported")
        for column in source.known_columns
    }


OF_ANOTHER_KIND: dict[bytes, str] = {
    b"": "is empty",
    b"\n \n": "is empty",
    b"PK\x03\x04" + bytes(30): "ZIP",
    b"\xd0\xcf\x11\xe0" + bytes(30): "Excel",
    b"SQLite format 3\0" + bytes(30): "SQLite",
    b"PGDMP" + bytes(30): "dump of PostgreSQL",
    b"BZh91AY": "compressed in another way",
    "\ufeffid,email\n1,a@example.com\n".encode("utf-16"): "UTF-16",
    "id,email\n1,ada@example.com\n".encode("utf-16-le"): "UTF-16",
    b"<!DOCTYPE html><html>": "HTML",
    b"--\n-- PostgreSQL database dump\n--\n": "is SQL",
    b"INSERT INTO users VALUES (1, 'ada@example.com');": "is SQL",
    b"COPY auth.users (id, email) FROM stdin;": "is SQL",
    b"id;email;name\n1;ada@example.com;Ada\n": "semicolons",
    b"id|email|name\n1|ada@example.com|Ada\n": "vertical bars",
    b"id,mail,name\n1,ada@example.com,Ada\n": "no column email, but these: id, mail, name",
    b"1,ada@example.com,Ada\n2,bob@example.com,Bob\n": "no column email",
    b"hello": "no column email",
    b'{"mail": "ada@example.com"}\n' * 200: r"no column email, but these: mail",
    b'[{"mail": "ada@example.com"}]': "no column email",
    b'{\n  "email": "ada@example.com"\n}\n': "no rows of this system",
    b"{" * 100: "no rows of this system",
}


@pytest.mark.parametrize("name", sorted(SYSTEMS.keys() - {"firebase", "keycloak"}))
@pytest.mark.parametrize("content", OF_ANOTHER_KIND)
def test_a_file_without_addresses_is_told_as_such_at_once(name: str, content: bytes) -> None:
    source = begin(name, drops_unknown_hashes=True)
    with pytest.raises(BrokenFile, match=OF_ANOTHER_KIND[content]):
        next(source.rows_of_file(io.BytesIO(content)))


@pytest.mark.parametrize("name", ["firebase", "keycloak"])
@pytest.mark.parametrize("content", OF_ANOTHER_KIND)
def test_so_it_is_where_a_document_is_expected(name: str, content: bytes) -> None:
    source = begin(name, drops_unknown_hashes=True)
    with pytest.raises(BrokenFile):
        next(source.rows_of_file(io.BytesIO(content)))


@pytest.mark.parametrize("by", ["\t", "\\t"])
@pytest.mark.parametrize("name", ["django", "fastapi-users", "supabase"])
def test_tabs_are_told_where_the_system_writes_none(name: str, by: str) -> None:
    content = by.join(["id", "email"]) + "\n" + by.join(["1", "ada@example.com"])
    with pytest.raises(BrokenFile, match="no column email"):
        next(begin(name).rows_of_file(io.BytesIO(content.encode())))


SAMPLES = {
    "auth0": ["auth0-hashes.ndjson", "auth0-users.ndjson", "auth0-import.json"],
    "django": ["django.json", "django.jsonl"],
    "fastapi-users": ["fastapi-users.csv", "full-stack-template.jsonl"],
    "firebase": ["firebase.json"],
    "keycloak": ["keycloak-3.json", "keycloak/acme-users-2.json"],
    "supabase": ["supabase.csv"],
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("other", SAMPLES)
def test_an_export_of_another_system_is_told_as_such(name: str, other: str) -> None:
    for sample in SAMPLES[other]:
        source = begin(name, drops_unknown_hashes=True)
        content = (EXPORTS / sample).read_bytes()
        if name == other:
            assert next(source.rows_of_file(io.BytesIO(content)))
        else:
            with pytest.raises(BrokenFile):
                next(source.rows_of_file(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("django", "user_id,email,password,is_active"),
        ("better-auth", "id,name,email,emailVerified,createdAt,password,tenant"),
        ("supabase", "id,email,phone,accounts,created_at"),
    ],
)
def test_a_column_that_another_system_has_too_may_be_the_operators_own(
    name: str, header: str
) -> None:
    values = {"email": "ada@example.com", "created_at": "2026-01-01", "createdAt": "2026-01-01"}
    line = ",".join(values.get(column, "") for column in header.split(","))
    source = begin(name)
    taken = take(source, source.rows_of_file(io.BytesIO(f"{header}\n{line}\n".encode())))
    assert taken.users.keys() == {"ada@example.com"}


def test_a_document_that_is_cut_short_gives_the_first_users_before() -> None:
    content = b'{"users": [{"localId": "a", "email": "ada@example.com"}, {"localId": "b", "em'
    rows = begin("firebase", drops_unknown_hashes=True).rows_of_file(io.BytesIO(content))
    assert next(rows) == {"localId": "a", "email": "ada@example.com"}
    with pytest.raises(BrokenFile, match="incomplete"):
        next(rows)


@pytest.mark.parametrize("name", ["firebase", "keycloak", "django"])
@pytest.mark.parametrize("content", ['[{"users": [{"email"', '{"users": [{"email": "a"},', "[1 2]"])
def test_a_document_that_is_not_whole_is_told(name: str, content: str) -> None:
    source = begin(name, drops_unknown_hashes=True)
    try:
        rows = list(source.rows_of_file(io.BytesIO(content.encode())))
    except BrokenFile:
        return
    assert all(isinstance(row, UnreadableRow) for row in rows)  # where an object a line is read


def test_a_byte_order_mark_is_no_part_of_a_document() -> None:
    source = begin("keycloak")
    content = b"\xef\xbb\xbf" + (EXPORTS / "keycloak-3.json").read_bytes()
    assert take(source, source.rows_of_file(io.BytesIO(content))).users


def test_a_large_document_is_read_a_row_at_a_time() -> None:
    class Endless(io.RawIOBase):
        """An array of users without end."""

        coming = b'{"users": ['

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            while len(self.coming) < len(buffer):
                self.coming += b'{"email": "ada@example.com"},' * 1_000
            buffer[:] = self.coming[: len(buffer)]
            self.coming = self.coming[len(buffer) :]
            return len(buffer)

    rows = begin("keycloak").rows_of_file(io.BufferedReader(Endless()))
    assert [next(rows) for _ in range(10_000)][-1] == {"email": "ada@example.com"}


def test_no_secret_shows_in_what_is_read() -> None:
    users = take_over("keycloak", "keycloak").users.values()
    for user in users:
        for field in fields(user):
            value = getattr(user, field.name)
            if value is not None and field.name.startswith("password"):
                assert value not in repr(user)
