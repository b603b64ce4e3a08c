"""Users of every system come in by the command, and log in with the passwords that they had."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gatepost.importers.names import SystemName
from gatepost.importers.registry import SYSTEMS
from gatepost.settings import DatabaseSettings
from tests.support.command import Gatepost
from tests.support.foreign_hashes import PASSWORD, SIGNER_KEY, TEXTS
from tests.support.service import make_settings, serving
from tests.support.taking_over import EXPORTS, HASH_CONFIG
from tests.support.transfers import exported, imported, rejected, write_rows

ADA, GRACE = "ada@example.com", "grace@example.com"

# The export, what else is said, and who can log in.
TAKEN_OVER: list[tuple[str, str, list[str], list[str]]] = [
    ("auth0", "auth0-hashes.ndjson", [], [ADA, GRACE]),
    ("auth0", "auth0-import.json", [], ["scrypt@example.com", "pbkdf2@example.com"]),
    ("better-auth", "better-auth.jsonl", [], [ADA]),
    ("django", "django.json", [], [GRACE, ADA]),
    ("fastapi-users", "fastapi-users.csv", [], [ADA]),
    ("firebase", "firebase.json", ["--hash-config", str(HASH_CONFIG)], [ADA]),
    ("firebase", "firebase.csv", ["--hash-config", str(HASH_CONFIG)], [ADA]),
    ("full-stack-template", "full-stack-template.jsonl", [], [ADA]),
    ("keycloak", "keycloak", [], [ADA, "joan@example.com", "hedy@example.com"]),
    ("keycloak", "keycloak-3.json", [], ["demo@example.com"]),
    ("supabase", "supabase.csv", [], [ADA]),
]


@pytest.fixture
def anywhere(migrated_url: str, tmp_path: Path) -> Iterator[Gatepost]:
    """The command on an empty database of each kind, with the sample project's signer key."""
    environ = {
        "SECRET_KEY": make_settings(migrated_url).tokens.secret_key,
        "DATABASE_URL": migrated_url,
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
        "FIREBASE_SIGNER_KEY": SIGNER_KEY,
    }
    yield Gatepost(tmp_path, environ)
    asyncio.run(logins(migrated_url, [], ""))  # which leaves nothing behind


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """The samples, where the command may leave its rejects beside them."""
    return Path(shutil.copytree(EXPORTS, tmp_path / "exports"))


async def logins(url: str, emails: list[str], *passwords: str) -> list[int]:
    """What logging in is answered, each password in turn; then the database is empty again."""
    settings = make_settings(url, firebase_signer_key=SIGNER_KEY)
    async with serving(settings) as service, service.open_client() as client:
        answers = [
            await client.post("/auth/login", json={"email": email, "password": password})
            for password in passwords
            for email in emails
        ]
    return [answer.status_code for answer in answers]


def take_over(gatepost: Gatepost, source: object, *words: str, status: int = 0) -> dict[str, Any]:
    return imported(gatepost, str(source), "--from", *words, status=status)


def test_every_system_can_be_named() -> None:
    assert set(SystemName) == set(SYSTEMS)


@pytest.mark.parametrize(("name", "file", "words", "emails"), TAKEN_OVER)
def test_users_of_every_system_log_in_with_their_old_passwords(
    anywhere: Gatepost, exports: Path, name: str, file: str, words: list[str], emails: list[str]
) -> None:
    source = str(exports / file)
    result = anywhere.run("import-users", source, "--from", name, "--allow-admins", *words)
    assert result.exit_code in {0, 1}, result.output
    # Twice: the hash that was brought, and the one in its place.
    answers = asyncio.run(
        logins(
            anywhere.environ["DATABASE_URL"], emails, "no password of theirs", PASSWORD, PASSWORD
        )
    )
    count = len(emails)
    assert answers == [401] * count + [200] * 2 * count


def test_what_a_folder_came_to_is_told(anywhere: Gatepost, exports: Path) -> None:
    words = ["keycloak", "--allow-admins", "--moderator-role", "support"]
    rehearsed = take_over(anywhere, exports / "keycloak", *words, "--dry-run", status=1)
    told = take_over(anywhere, exports / "keycloak", *words, status=1)

    counts = {"field_missing": 1, "hash_unsupported": 1}
    assert (told["made"], told["reasons"]) == (6, counts)
    assert (rehearsed["made"], rehearsed["reasons"]) == (6, counts)
    assert told["not_taken_over"] == {
        "groups": 1,
        "required actions": 1,
        "second factors": 1,
        "service accounts": 1,
        "social logins": 1,
    }
    users = {user["email"]: user for user in exported(anywhere)}
    assert users[ADA]["role"] == "admin"
    assert users[GRACE]["role"] == "user"
    assert not users[GRACE]["is_active"]
    kept = rejected(exports / "keycloak.rejects.jsonl")
    assert [(entry["row"], entry["field"]) for entry in kept] == [(6, "email"), (7, "credentials")]


def test_the_rest_is_told_in_words(anywhere: Gatepost, exports: Path) -> None:
    words = [str(exports / "django.json"), "--from", "django", "--drop-unknown-hashes"]
    result = anywhere.run("import-users", *words)
    assert "objects of other models (2)" in result.stderr
    assert "passwords (1)" in result.stderr
    assert "role_not_allowed" in result.stdout


def test_a_file_of_ones_own_may_hold_hashes_as_other_systems_write_them(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    emails = {f"{number}@example.com": hashed for number, hashed in enumerate(TEXTS.values())}
    rows = [{"email": email, "password_hash": hashed} for email, hashed in emails.items()]
    rows += [{"email": "none@example.com", "password_hash": "pbkdf2_sha256$many$salt$AAAA"}]
    told = imported(anywhere, write_rows(tmp_path / "users.jsonl", rows), status=1)
    assert told["reasons"] == {"hash_unsupported": 1}
    answers = asyncio.run(logins(anywhere.environ["DATABASE_URL"], [*emails], PASSWORD))
    assert answers == [200] * len(TEXTS)


def test_a_hash_that_could_never_match_is_mended_or_refused(
    anywhere: Gatepost, tmp_path: Path
) -> None:
    bcrypt = TEXTS["pwdlib bcrypt"]
    noisy = bcrypt[:28] + chr(ord(bcrypt[28]) + 1) + bcrypt[29:59] + chr(ord(bcrypt[59]) + 1)
    argon2 = TEXTS["pwdlib Argon2"]
    spoiled = [
        argon2.replace("t=1", "t=0"),
        argon2.replace("p=4", "p=0"),
        argon2.replace("m=64", "m=31"),
        argon2.replace("m=64", "m=064"),
        argon2.replace("m=64,t=1", "t=1,m=64"),
        argon2.replace("p=4", "p=4,keyid=AAAA"),
        argon2[:-1] + chr(ord(argon2[-1]) + 1),
        argon2.replace("9AlFmol+Gbpm0hbw0Aaesw", "9AlFmol+Gb"),
        "$pbkdf2-sha256$0$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "$scrypt$ln=16,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$" + "A" * 43,
        "scrypt:1000:8:1$salt$" + "00" * 32,
        "$5$rounds=10$saltstring$" + "A" * 43,
        "$6$saltstring$" + "A" * 86,
        "$y$j9T$." + "$" + "." * 43,
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    ]
    hashes = [noisy, *spoiled]
    rows = [{"email": f"{n}@example.com", "password_hash": each} for n, each in enumerate(hashes)]
    told = imported(anywhere, write_rows(tmp_path / "users.jsonl", rows), status=1)
    assert (told["made"], told["reasons"]) == (1, {"hash_unsupported": len(spoiled)})
    assert asyncio.run(logins(anywhere.environ["DATABASE_URL"], ["0@example.com"], PASSWORD)) == [
        200
    ]


def test_an_import_that_is_run_again_changes_nothing(anywhere: Gatepost, exports: Path) -> None:
    for source, system in (("keycloak-3.json", "keycloak"), ("auth0-users.csv", "auth0")):
        first = take_over(anywhere, exports / source, system)
        again = take_over(anywhere, exports / source, system)
        restarted = take_over(anywhere, exports / source, system, "--restart")
        assert first["made"] == 1
        assert again["finished_before_at"] is not None
        assert (restarted["made"], restarted["already_there"]) == (0, 1)


def test_a_table_is_taken_over_by_its_url(
    anywhere: Gatepost, fresh_database_url: str, folder: Path
) -> None:
    asyncio.run(make_django_table(fresh_database_url))
    words = [fresh_database_url, "django", "--table", "people"]
    told = take_over(anywhere, *words, status=1)
    again = take_over(anywhere, *words, "--rejects", "others.jsonl", status=1)

    assert (told["made"], told["reasons"]) == (1, {"field_missing": 1})
    assert (again["made"], again["already_there"]) == (0, 1)
    assert [entry["field"] for entry in rejected(folder / "users.rejects.jsonl")] == ["email"]
    url = anywhere.environ["DATABASE_URL"]
    assert asyncio.run(logins(url, [ADA], PASSWORD, PASSWORD)) == [200, 200]


async def make_django_table(url: str) -> None:
    engine = create_async_engine(DatabaseSettings(database_url=url).sqlalchemy_url)
    hashed = TEXTS["Django PBKDF2-SHA256"].replace(":", "\\:")
    async with engine.begin() as connection:
        await connection.execute(
            text("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, password TEXT)")
        )
        await connection.execute(
            text(f"INSERT INTO people VALUES (1, '{ADA}', '{hashed}'), (2, '', '{hashed}')")
        )
    await engine.dispose()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing.json", "--from", "django"], "nothing.json cannot be read"),
        (["sqlite:///./nothing.db", "--from", "django"], "is not a file"),
        (["postgresql://ada:hunter2@127.0.0.1:1/shop", "--from", "auth0"], "export files only"),
        (["postgresql://ada:hunter2@127.0.0.1:1/shop", "--from", "django"], "be connected to"),
        ([str(EXPORTS / "firebase.json"), "--from", "firebase"], "--hash-config"),
    ],
)
def test_what_cannot_be_taken_over_is_told(
    gatepost: Gatepost, words: list[str], reason: str
) -> None:
    result = gatepost.run("import-users", *words)
    assert result.exit_code in {1, 2}
    assert reason in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--table", "people"], "--table can only be used with --from"),
        (["--admin-role", "boss"], "--admin-role can only be used with --from"),
        (["--drop-unknown-hashes"], "--drop-unknown-hashes can only be used with --from"),
        (["--from", "django", "--format", "csv"], "--format cannot be used with --from"),
    ],
)
def test_what_would_be_passed_over_in_silence_is_misuse(
    gatepost: Gatepost, words: list[str], reason: str
) -> None:
    assert reason in gatepost.refused("import-users", "users.csv", *words, status=2)


def test_a_system_that_nobody_knows_is_misuse(gatepost: Gatepost) -> None:
    assert "keycloak" in gatepost.run("import-users", "x", "--from", "okta").output
