"""Who is who: which addresses and usernames there are, and which of them are the same."""

import random

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gatepost.features.accounts.identity import (
    EmailInput,
    FullNameInput,
    UsernameInput,
    are_plain_emails,
    canonical_email,
    canonical_username,
    has_public_domain,
    read_email,
    read_username,
)

EMAIL: TypeAdapter[str] = TypeAdapter(EmailInput)
USERNAME: TypeAdapter[str] = TypeAdapter(UsernameInput)
FULL_NAME: TypeAdapter[str] = TypeAdapter(FullNameInput)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@test.com", "ada@test.com"),
        ("Ada@EXAMPLE.com", "Ada@example.com"),
        (" ada@example.com\n", "ada@example.com"),
        ("ada+items@example.com", "ada+items@example.com"),
        ("\u212ate@example.com", "Kte@example.com"),
        ("\u00fcser@stra\u00dfe.de", "\u00fcser@stra\u00dfe.de"),
        ("ada@xn--strae-oqa.de", "ada@stra\u00dfe.de"),
        ("ada@\uff45xample.com", "ada@example.com"),
    ],
)
def test_an_address_is_stored_as_mail_will_be_sent_to_it(typed: str, stored: str) -> None:
    assert EMAIL.validate_python(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@ada.example",
        "ada@",
        "ada@127.0.0.1",
        "ada@1",
        "ada@intra_net",
        "ada@-intranet",
        "ada@localhost.",
        "ada@.local",
        "ada@[127.0.0.1]",
        "Ada <ada@example.com>",
        '"ada lovelace"@example.com',
        "ada@example.com,eve@example.com",
        "ada@example.com\nbcc: eve@example.com",
        "ada\0@example.com",
        "ada@exam\u202eple.com",
        "a\ud800@example.com",
        "ada..lovelace@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 250 + ".com",
        "x@" * 100_000,
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        EMAIL.validate_python(typed)

    [error] = refused.value.errors(include_input=False)
    assert error["type"] in {"email_invalid", "string_too_long", "string_unicode"}
    assert not typed or typed not in error["msg"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "ADA@Example.COM"),
        ("kate@example.com", "\u212aate@example.com"),
        ("\u00e9va@example.com", "E\u0301va@example.com"),
        ("\u01f0@example.com", "J\u030c@example.com"),
        ("ada@stra\u00dfe.de", "ada@XN--STRAE-OQA.de"),
        ("ada@example.com", " ada@example.com "),
    ],
)
def test_two_ways_to_write_one_address_have_one_key(one: str, other: str) -> None:
    assert canonical_email(one) == canonical_email(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mike@example.com", "m\u0131ke@example.com"),
        ("eva@example.com", "\u00e9va@example.com"),
        ("ada@example.com", "\u0430da@example.com"),
        ("ada@example.com", "\uff41da@example.com"),
        ("ada@strasse.de", "ada@stra\u00dfe.de"),
        ("ada@example.com", "ada+x@example.com"),
        ("ada@example.com", "a.da@example.com"),
    ],
)
def test_addresses_that_only_look_alike_have_keys_of_their_own(one: str, other: str) -> None:
    assert canonical_email(one) != canonical_email(other)


@pytest.mark.parametrize("typed", ["", "nobody", "a\0@example.com", "a\ud800@b.co", "x" * 100_000])
def test_what_is_no_address_has_a_key_that_is_no_address(typed: str) -> None:
    key = canonical_email(typed)

    assert "@" not in key
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 254


def test_two_that_are_no_addresses_have_keys_of_their_own() -> None:
    assert canonical_email("nobody") != canonical_email("no one")


def test_a_key_is_its_own_key_and_fit_for_any_database() -> None:
    chance = random.Random(20240229)
    letters = (
        'aK@.\u0130\u212a\u00df\u0301\ud800\0\n "<>()[]\u3002\uff0e\u200d\u05d0\U0001f600-_+\u00a0'
    )
    domains = ["", "@x.com", "@\u0130.com", "@xn--a.com", "@xn--.com", "@[1.2.3.4]"]
    for _ in range(3_000):
        typed = "".join(chance.choices(letters, k=chance.randrange(8))) + chance.choice(domains)
        key = canonical_email(typed)
        key.encode()
        assert "\0" not in key
        if "@" in key:
            assert canonical_email(key) == key


@pytest.mark.parametrize("name", ["ada", "Ada_L", "a.d-a", "0x5f", "a" * 32])
def test_a_username_is_with_example_it_was_typed(name: str) -> None:
    assert USERNAME.validate_python(name) == name
    assert canonical_username(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ad",
        "a" * 33,
        "_ada",
        ".ada",
        "-ada",
        "a da",
        "ada@example.com",
        "ada\0",
        "\u00e4da",
        "\u212aate",
        "m\u0131ke",
        "\u0661\u0662\u0663",
        "ad\ud800",
        "<b>ada</b>",
    ],
)
def test_what_is_no_username_is_refused_and_has_a_key_that_is_none(name: str) -> None:
    with pytest.raises(ValidationError):
        USERNAME.validate_python(name)

    key = canonical_username(name)
    assert key.startswith("?")
    key.encode()


def test_a_full_name_is_text_without_markup() -> None:
    assert FULL_NAME.validate_python(" <b>Ada</b> King & Lovelace ") == "Ada King & Lovelace"


@pytest.mark.parametrize("kind", [EMAIL, USERNAME, FULL_NAME])
def test_the_schema_bounds_every_text(kind: TypeAdapter[str]) -> None:
    assert kind.json_schema()["maxLength"] in {254, 32, 200}


LABELS = st.text("abcxyz-09\u00e9", min_size=1, max_size=9)
NEARLY_ADDRESSES = st.builds(
    lambda local, labels, last: f"{local}@{'.'.join([*labels, last])}",
    st.text("aA0_+-.'\u00e9\u212a ", max_size=66),
    st.lists(LABELS, max_size=3),
    st.sampled_from(
        [
            "com",
            "de",
            "Com",
            "x",
            "test",
            "attest",
            "local",
            "arpa",
            "invalid",
            "onion",
            "localhost",
        ]
    )
    | LABELS,
)


SPECIAL = {
    "Ada@LOCALHOST": "Ada@localhost",
    "ada@keycloak": "ada@keycloak",
    "ada@host-1": "ada@host-1",
    "ada@example.test": "ada@example.test",
    "ada@corp.local": "ada@corp.local",
    "ada@b\u00fcro.local": "ada@b\u00fcro.local",
    "ada@xn--bro-hoa.local": "ada@b\u00fcro.local",
    "ada@host.lan1": "ada@host.lan1",
    "ada@com": "ada@com",
}


@pytest.mark.parametrize("typed", SPECIAL)
def test_an_address_at_a_name_that_is_not_public_is_one_where_the_settings_say_so(
    typed: str,
) -> None:
    stored = SPECIAL[typed]
    assert EMAIL.validate_python(typed) == stored
    assert read_email(typed, special_domains=True) == (stored, stored.lower())
    assert canonical_email(typed) == canonical_email(stored) == stored.lower()
    assert read_email(typed) is None
    assert not has_public_domain(stored)


@given(NEARLY_ADDRESSES | st.text(max_size=70))
@example("ada@xn--strae-oqa.de")
@example("ada@a--b.com")
@example("ada@ab--cd.com")
@example("ada@example.test")
@example("ada@test")
@example("ada@example.com\n")
@example(f"{'a' * 64}@example.com")
@example(f"a@{'b' * 63}.com")
def test_an_import_reads_addresses_as_registration_does(text: str) -> None:
    try:
        registered = EMAIL.validate_python(text)
    except ValidationError:
        assert read_email(text, special_domains=True) is None
        assert read_email(text) is None
        assert not are_plain_emails([text])
    else:
        key = canonical_email(registered)
        assert read_email(text, special_domains=True) == (registered, key)
        assert read_email(text) == ((registered, key) if has_public_domain(registered) else None)
        assert not are_plain_emails([text]) or (text, text.lower()) == (registered, key)


@pytest.mark.parametrize("name", SPECIAL_USE_DOMAIN_NAMES)
def test_an_import_takes_no_address_at_a_name_that_is_nobodys(name: str) -> None:
    assert read_email(f"ada@example.{name}") is None
    assert not are_plain_emails(["ada@example.com", f"ada@example.{name}"])


@given(st.text("abzAZ09_.-\u00e9 \n", max_size=35))
def test_an_import_reads_usernames_as_registration_does(text: str) -> None:
    try:
        registered = USERNAME.validate_python(text)
    except ValidationError:
        assert read_username(text) is None
    else:
        assert read_username(text) == (registered, canonical_username(registered))
