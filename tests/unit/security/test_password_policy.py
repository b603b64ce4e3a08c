"""A new password is judged by every rule, and told every one that it does not meet."""

import random
import re
from importlib.resources import files

import pytest

from gatepost.security import password_policy
from gatepost.security.password_policy import WeakPassword
from gatepost.settings.passwords import PasswordSettings
from tests.support.cheap_hashes import cheap_settings

SETTINGS = cheap_settings()
STRICT = cheap_settings(password_require={"upper", "lower", "digit", "special"})
BCRYPT = cheap_settings(password_hasher="bcrypt")


def unmet(
    password: str, *identities: str | None, settings: PasswordSettings = SETTINGS
) -> list[str]:
    """The types of the rules that a password does not meet."""
    try:
        password_policy.check(password, settings, identities)
    except WeakPassword as refusal:
        return [error["type"] for error in refusal.extensions["errors"]]
    return []


def common_passwords() -> list[str]:
    listed = files("gatepost.security").joinpath("common_passwords.txt").read_text("utf-8")
    return listed.split("\n\n", 1)[1].splitlines()


def test_a_good_password_is_returned_in_its_nfc_form() -> None:
    assert password_policy.check("cafe\u0301 au lait", SETTINGS, []) == "caf\u00e9 au lait"
    assert password_policy.check("  ﬁne print ", SETTINGS, []) == "  ﬁne print "


@pytest.mark.parametrize(
    "password",
    [
        "94027561830",
        "      a     b ",
        "😀🙈🦊🌵🧊🪁🎻🛶",
        "correct horse password battery",
        "длинныйпароль",
    ],
)
def test_a_password_may_be_made_of_anything(password: str) -> None:
    assert unmet(password) == []


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("kw9zq2h", ["password_too_short"]),
        ("kw9zq2h7", []),
        ("", ["password_too_short"]),
        ("🦊" * 7, ["password_too_short"]),
        ("🦊" * 8, []),
        ("e\u0301" * 7, ["password_too_short"]),
        ("e\u0301" * 8, []),
        ("kz" * 128, []),
        ("kz" * 128 + "k", ["password_too_long"]),
        ("e\u0301" * 256, []),
        ("k" * 100_000, ["password_too_long"]),
        ("\u0301\u0316" * 250_000, ["password_too_long"]),
    ],
)
def test_length_is_counted_in_characters_after_normalising(
    password: str, expected: list[str]
) -> None:
    assert unmet(password) == expected


def test_the_lengths_are_settings() -> None:
    settings = cheap_settings(password_min_length=12, password_max_length=64)
    assert unmet("Short-K123!", settings=settings) == ["password_too_short"]
    assert unmet("SecurePass123!", settings=settings) == []
    assert unmet("kz" * 32, settings=settings) == []
    assert unmet("kz" * 32 + "k", settings=settings) == ["password_too_long"]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("nouppercase1!", ["password_missing_upper"]),
        ("NOLOWERCASE1!", ["password_missing_lower"]),
        ("NoDigits!!aa", ["password_missing_digit"]),
        ("NoSpecial11aa", ["password_missing_special"]),
        ("Éclair à 3", []),
    ],
)
def test_a_required_kind_of_character_is_named_when_missing(
    password: str, expected: list[str]
) -> None:
    assert unmet(password, settings=STRICT) == expected
    assert unmet(password) == []


def test_every_unmet_rule_is_named_at_its_place() -> None:
    with pytest.raises(WeakPassword) as refusal:
        password_policy.check("\0", STRICT, [])
    assert (refusal.value.status, refusal.value.code) == (422, "weak_password")
    errors = refusal.value.extensions["errors"]
    assert [error["type"] for error in errors] == [
        "password_too_short",
        "password_forbidden_character",
        "password_missing_upper",
        "password_missing_lower",
        "password_missing_digit",
    ]
    for error in errors:
        assert error["loc"] == ["body", "password"]
        assert re.fullmatch(r"[A-Z].*\.", error["msg"])


def test_the_place_can_be_another() -> None:
    with pytest.raises(WeakPassword) as refusal:
        password_policy.check("short", SETTINGS, [], loc=("body", "users", 0, "password"))
    assert refusal.value.extensions["errors"][0]["loc"] == ["body", "users", 0, "password"]


@pytest.mark.parametrize("password", ["password1", "longusername1", "kw9zq2h", "tab\tinside it"])
def test_a_refusal_does_not_repeat_the_password(password: str) -> None:
    with pytest.raises(WeakPassword) as refusal:
        password_policy.check(password, SETTINGS, ["longusername"])
    told = f"{refusal.value} {refusal.value.detail} {refusal.value.extensions}"
    assert f" {password}" not in told
    assert "longusername" not in told


@pytest.mark.parametrize("character", ["\0", "\t", "\n", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters_and_half_pairs_are_refused(character: str) -> None:
    for settings in (SETTINGS, BCRYPT):
        password = f"kw9zq2h7{character}t"
        assert unmet(password, settings=settings) == ["password_forbidden_character"]


def test_bcrypt_takes_72_bytes_and_says_so() -> None:
    assert unmet("é" * 36, settings=BCRYPT) == []
    assert unmet("é" * 36 + "x", settings=BCRYPT) == ["password_too_many_bytes"]
    assert unmet("é" * 36 + "x") == []


@pytest.mark.parametrize(
    "password", ["password", "PASSWORD1", "12345678", "QwertyUiop", "iloveyou1", "!qaz2wsx"]
)
def test_common_passwords_are_refused_in_any_case(password: str) -> None:
    assert "password_too_common" in unmet(password)


def test_every_listed_password_is_refused_and_there_are_more_than_3000() -> None:
    listed = common_passwords()
    assert len(listed) > 3000
    allowed = [word for word in listed if "password_too_common" not in unmet(word.upper())]
    assert allowed == []


def test_the_list_is_sorted_without_repeats_and_holds_nothing_that_is_too_short() -> None:
    listed = common_passwords()
    assert listed == sorted(set(listed))
    assert [word for word in listed if len(word) < 8 or word != word.casefold()] == []


@pytest.mark.parametrize(
    ("password", "identities"),
    [
        ("Test1234!", ["test@test.com"]),
        ("testpassword123", ["test@example.com", "Test User"]),
        ("Pass123!", ["user1@example.com"]),
        ("Pass456!", ["user2@example.com"]),
        ("SecurePass123!", ["user@example.com"]),
        ("securepassword123", ["user@example.com", "johndoe", "John Doe"]),
        ("first-admin-secret-1", ["admin@example.com", "Admin User"]),
        ("Adm1nistrator-of-it", ["root@example.com"]),
        ("Test1234!", ["test-1234abcd@example.com"]),
        ("newsecurepassword", ["user@example.com", None, ""]),
    ],
)
def test_documented_passwords_are_allowed(password: str, identities: list[str | None]) -> None:
    assert unmet(password, *identities) == []


def test_no_random_address_makes_a_documented_password_too_similar() -> None:
    dice = random.Random(8)
    samples = {"test": "Test1234!", "user1": "Pass123!", "user2": "Pass456!"}
    for _ in range(10_000):
        suffix = f"{dice.getrandbits(32):08x}"
        for name, password in samples.items():
            assert unmet(password, f"{name}-{suffix}@example.com") == []


@pytest.mark.parametrize(
    ("password", "identities"),
    [
        ("longusername1", ["longusername@x.org"]),
        ("LongUserName!", ["longusername@x.org"]),
        ("longusername@x.org", ["longusername@x.org"]),
        ("longusername@x.org1", ["longusername@x.org"]),
        ("longusernam3", ["LONGUSERNAME@x.org"]),
        ("jane_roe_77", [None, "jane_roe_77"]),
        ("Jane Margaret Roe", ["jane@x.org", "jroe", "jane margaret roe"]),
        ("Margaret-7", ["jane@x.org", "", "Jane Margaret Roe"]),
        ("Margaret-R", ["Jane-Margaret Roe"]),
        ("STRASSENBAUER", ["straßenbauer@x.org"]),
        ("ame\u0301lie-poulain", ["amélie-poulain"]),
        ("kz0" * 40, ["kz0" * 41 + "@x.org"]),
    ],
)
def test_a_password_close_to_the_users_own_names_is_refused(
    password: str, identities: list[str | None]
) -> None:
    assert unmet(password, *identities) == ["password_too_similar"]
    assert unmet(password, "someone.else@example.com") == []


def test_a_password_close_to_the_products_name_is_refused() -> None:
    assert unmet("Gatepost1") == ["password_too_similar"]
    other = cheap_settings(project_name="Lighthouse Keeper")
    for password in ("lighthouse1", "LIGHTHOUSEKEEPER", "Lighthouse Keeper!"):
        assert unmet(password, settings=other) == ["password_too_similar"]
    assert unmet("Gatepost1", settings=other) == []


def test_a_password_that_holds_a_name_among_other_words_is_allowed() -> None:
    assert unmet("margaret plays no tennis", "margaret@x.org", "Margaret Roe") == []


@pytest.mark.parametrize("identity", ["@", "@@@", " ", "\ud800@\0", "a" * 5000, "word " * 1000])
def test_no_identity_disturbs_the_check(identity: str) -> None:
    assert unmet("kw9zq2h7", identity) == []
