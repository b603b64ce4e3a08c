"""Email addresses and usernames: their validation, and the unique key of each.

Databases disagree on which texts are equal (MariaDB's collations call `é` and `e` the same, citext
the Kelvin sign and `k`), so the key is computed here and compared byte by byte.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gatepost.normal_form import TooManyMarksError, normalise
from gatepost.settings import addresses
from gatepost.settings.addresses import LONGEST_EMAIL, NoAddress
from gatepost.text import PlainText, SearchText

# Addresses that are their own normal form: ASCII, the domain in lower case, no label that IDNA
# reads differently. Only up to the length of a local part: then no other limit can be exceeded.
_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*@"
    r"(?:[a-z0-9]++(?:-[a-z0-9]++)*\.)+(?!(?:arpa|invalid|local|localhost|onion|test)(?![a-z]))[a-z]{2,}+"
)
_LONGEST_PLAIN_EMAIL = 64

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,31}")
_EMAIL_RULE = "Give one email address, such as name@example.com"
PUBLIC_DOMAIN_RULE = "Give an address at a public domain, such as name@example.com"
USERNAME_RULE = (
    "Use 3 to 32 letters, digits, dots, hyphens and underscores, a letter or digit first"
)


def _lines_of(one: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(f"(?:{one.pattern}\n)*+")


_PLAIN_EMAILS = _lines_of(_PLAIN_EMAIL)
_USERNAMES = _lines_of(_USERNAME)


class Address(NamedTuple):
    """An email address as it is stored and mailed to, and its key."""

    email: str
    key: str


def read_email(text: str, *, special_domains: bool = False) -> Address | None:
    """Parse an email address by the rules of registration; None if it is invalid.

    `special_domains` also allows domains that are not public, as `addresses.normalise` does. Most
    addresses are in normal form already, which takes a twentieth of the time.
    """
    text = text.strip()
    if len(text) <= _LONGEST_PLAIN_EMAIL and _PLAIN_EMAIL.fullmatch(text):
        return Address(text, text.lower())
    try:
        email = addresses.normalise(text, special_domains=special_domains)
    except NoAddress:
        return None
    return Address(email, _lower(email))


def has_public_domain(email: str) -> bool:
    """Whether the address's domain is public, so that no setting is needed to allow it."""
    return read_email(email) is not None


def are_plain_emails(texts: Sequence[str]) -> bool:
    """Whether `read_email` returns each text unchanged; the key is then its lower case.

    Takes a third of the time of one call per text.
    """
    is_short = max(map(len, texts), default=0) <= _LONGEST_PLAIN_EMAIL
    return is_short and _are_all(texts, _PLAIN_EMAILS)


class Username(NamedTuple):
    """A username as it is displayed, and its key."""

    username: str
    key: str


def read_username(text: str) -> Username | None:
    """Parse a username by the rules of `UsernameInput`; None if it is invalid."""
    text = text.strip()
    return Username(text, text.lower()) if _USERNAME.fullmatch(text) else None


def are_plain_usernames(texts: Sequence[str]) -> bool:
    """Whether `read_username` returns each text unchanged; the key is then its lower case."""
    return _are_all(texts, _USERNAMES)


def canonical_email(email: str) -> str:
    """The key of the account with this address: normalised (RFC 6531, IDNA), then lower case.

    Accepts any domain, so that an existing address is found whatever the settings are. An invalid
    address gets a key that no account has, so that a look-up costs the same and finds nothing.
    Validate an address before creating an account with it.
    """
    address = read_email(email, special_domains=True)
    return _dummy_key(email) if address is None else address.key


def canonical_username(username: str) -> str:
    """The key of the account with this name: the name in lower case.

    An invalid username gets a key that no account has, as in `canonical_email`.
    """
    username = username.strip()
    return username.lower() if _USERNAME.fullmatch(username) else _dummy_key(username)


def key_prefix(beginning: str) -> str:
    """The prefix of a key, from a prefix of an email address or a username."""
    return _lower(beginning)


def _are_all(texts: Sequence[str], lines: re.Pattern[str]) -> bool:
    together = "\n".join([*texts, ""])
    return together.count("\n") == len(texts) and lines.fullmatch(together) is not None


def _dummy_key(typed: str) -> str:
    """A key that no account has: it has no `@`, as addresses have, and no username has a `?`."""
    return "?" + sha256(typed.encode(errors="surrogatepass")).hexdigest()[:32]


def _lower(text: str) -> str:
    # Lower case may not be in NFC: J with caron has a composed small letter, and no capital.
    lowered = text.lower()
    try:
        return normalise(lowered)
    except TooManyMarksError:  # no address has as many, so nothing is found
        return lowered


def _check_email(email: str) -> str:
    try:
        return addresses.normalise(email, special_domains=True)
    except NoAddress:
        raise PydanticCustomError("email_invalid", _EMAIL_RULE) from None


def _check_username(username: str) -> str:
    if not _USERNAME.fullmatch(username):
        raise PydanticCustomError("username_invalid", USERNAME_RULE)
    return username


EmailInput = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_EMAIL),
    AfterValidator(_check_email),
    Field(json_schema_extra={"format": "email"}),
]
"""Allows any domain: `accounts.service` checks the domain, because it knows the settings."""

UsernameInput = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=32),
    AfterValidator(_check_username),
    Field(json_schema_extra={"pattern": f"^{_USERNAME.pattern}$"}),
]

FULL_NAME = PlainText(max_length=200)

FullNameInput = Annotated[str, FULL_NAME]

SearchInput = SearchText
"""The text of a search: the beginning of an email address or a username."""
