"""Hashes that other systems made are verified as they are, at bounded cost, and then replaced."""

import hashlib
import re
import unicodedata

import bcrypt
import pytest

from gatepost.security.hash_pool import HashPool
from gatepost.security.legacy_hashes import argon2, pbkdf2, scrypt
from gatepost.security.legacy_hashes.foreign import stored_form
from gatepost.security.passwords import Passwords, Verification
from tests.support import foreign_hashes
from tests.support.foreign_hashes import PASSWORD, SIGNER_KEY, STORED, STORED_OF_DECOMPOSED
from tests.unit.security.cheap import cheap_settings

pytestmark = pytest.mark.anyio

OUTDATED = Verification(matches=True, needs_rehash=True)
NO_MATCH = Verification(matches=False, needs_rehash=False)
DECOMPOSED = unicodedata.normalize("NFD", PASSWORD)

SALT = "MDEyMzQ1Njc4OWFiY2RlZg"
TAG = "A" * 43
COST = argon2.Argon2Cost(kib=8, passes=1, lanes=1)


@pytest.fixture
def passwords(pool: HashPool) -> Passwords:
    return Passwords(cheap_settings(firebase_signer_key=SIGNER_KEY), pool)


@pytest.mark.parametrize("name", STORED)
async def test_a_hash_of_another_system_is_verified_and_to_be_replaced(
    passwords: Passwords, name: str
) -> None:
    assert passwords.recognises(STORED[name])
    assert await passwords.verify(PASSWORD, STORED[name]) == OUTDATED


@pytest.mark.parametrize("attempt", ["Grüße, Horse 8", "Grusse, Horse 7", "", "\0", "\ud800"])
@pytest.mark.parametrize("name", STORED)
async def test_no_other_password_matches_it(passwords: Passwords, name: str, attempt: str) -> None:
    assert await passwords.verify(attempt, STORED[name]) == NO_MATCH


@pytest.mark.parametrize("name", STORED_OF_DECOMPOSED)
async def test_a_password_that_was_never_normalised_matches_as_it_is_typed(
    passwords: Passwords, name: str
) -> None:
    assert await passwords.verify(DECOMPOSED, STORED_OF_DECOMPOSED[name]) == OUTDATED
    assert await passwords.verify(DECOMPOSED, STORED[name]) == OUTDATED
    assert await passwords.verify(DECOMPOSED + "x", STORED_OF_DECOMPOSED[name]) == NO_MATCH


@pytest.mark.parametrize("name", STORED)
async def test_a_stored_form_fits_its_column_and_is_its_own(name: str) -> None:
    assert len(STORED[name]) <= 512
    assert STORED[name].isascii()
    assert stored_form(STORED[name]) == STORED[name]


@pytest.mark.parametrize("name", STORED)
async def test_damage_to_a_hash_never_raises_and_never_matches(
    passwords: Passwords, name: str
) -> None:
    own = STORED[name]
    for at in range(0, len(own), 5):
        for other in ("A", "$", "0", "é", "\n", "\0"):
            damaged = own[:at] + other + own[at + 1 :]
            if damaged != own:
                assert await passwords.verify(PASSWORD, damaged) == NO_MATCH, damaged


async def test_firebases_published_example_is_verified(passwords: Passwords) -> None:
    hashed = foreign_hashes.of_firebase(
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        mem_cost=14,
        salt="42xEC+ixf3L2lw==",
    )
    assert await passwords.verify("user1password", hashed) == OUTDATED
    assert await passwords.verify("user2password", hashed) == NO_MATCH


async def test_a_firebase_hash_is_none_without_its_signer_key(pool: HashPool) -> None:
    hashed = STORED["firebase-scrypt"]
    for key in (None, "A" * 86 + "=="):
        passwords = Passwords(cheap_settings(firebase_signer_key=key), pool)
        assert not passwords.recognises(hashed)
        assert await passwords.verify(PASSWORD, hashed) == NO_MATCH
    assert SIGNER_KEY.rstrip("=") not in hashed


async def test_a_firebase_hash_that_supabase_took_over_is_verified(pool: HashPool) -> None:
    """The example of GoTrue's own tests."""
    key = "ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw=="
    hashed = stored_form(
        f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={key}$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7"
        "y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=="
    )
    assert key.rstrip("=") not in hashed
    passwords = Passwords(cheap_settings(firebase_signer_key=key), pool)
    assert await passwords.verify("mytestpassword", hashed) == OUTDATED


async def test_keycloaks_published_example_is_verified(passwords: Passwords) -> None:
    hashed = (
        "$pbkdf2-sha256$i=27500$x/bm4Y3DcuV9eU97ervkPA$1u7BLvfSPxQFpwc5jpGSA+88EGl9pZYKhaZ8YPIu9N4"
    )
    assert await passwords.verify("admin", hashed) == OUTDATED


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (
            "Hello world!",
            "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
        ),
        (
            "This is just a test",
            "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
        ),
        (
            "a very much longer text to encrypt.  This one even stretches over morethan one line.",
            "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
        ),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJue"
            "sI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
    ],
)
async def test_sha_crypts_published_examples_are_verified(
    passwords: Passwords, password: str, hashed: str
) -> None:
    assert await passwords.verify(password, hashed) == OUTDATED


async def test_bcrypt_over_sha_256_reads_a_long_password_to_its_end(passwords: Passwords) -> None:
    long = "x" * 100
    digits = hashlib.sha256(long.encode()).hexdigest().encode()
    hashed = "$bcrypt-sha256-hex" + bcrypt.hashpw(digits, bcrypt.gensalt(4)).decode()
    assert await passwords.verify(long, hashed) == OUTDATED
    assert await passwords.verify(long[:-1], hashed) == NO_MATCH


@pytest.mark.parametrize(
    "hashed",
    [
        f"$pbkdf2-sha256$i=0${SALT}${TAG}",
        f"$pbkdf2-sha256$i=5000001${SALT}${TAG}",
        f"$pbkdf2-sha256$i=2500001${SALT}${TAG * 2}",
        f"$pbkdf2-sha256$i=999999999999${SALT}${TAG}",
        f"$pbkdf2-sha256$i=01000${SALT}${TAG}",
        f"$pbkdf2-sha256$i=1000,l=32${SALT}${TAG}",
        f"$pbkdf2-md5$i=1000${SALT}${TAG}",
        f"$pbkdf2-sha256$i=1000${SALT}${TAG[:-1]}B",
        f"$scrypt$ln=19,r=8,p=1${SALT}${TAG}",
        f"$scrypt$ln=14,r=8,p=64${SALT}${TAG}",
        f"$scrypt$ln=99,r=8,p=1${SALT}${TAG}",
        f"$scrypt$ln=0,r=8,p=1${SALT}${TAG}",
        f"$scrypt$ln=14,r=0,p=1${SALT}${TAG}",
        f"$scrypt$r=8,ln=14,p=1${SALT}${TAG}",
        f"$firebase-scrypt$k=e24649fb,ln=23,r=8${SALT}${'A' * 86}",
        f"$firebase-scrypt$k=e24649fb,ln=14,r=8${SALT}${TAG}",
        "$bcrypt-sha256-hex$2b$17$" + "a" * 53,
        "$5$rounds=1000001$saltstring$" + "a" * 43,
        "$5$rounds=999$saltstring$" + "a" * 43,
        "$6$saltstring$" + "a" * 43,
        "$1$saltstring$" + "a" * 22,
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$pbkdf2-sha256$i=1000$" + "A" * 300 + "$" + "A" * 300,
    ],
)
async def test_what_would_cost_too_much_or_is_no_hash_is_not_recognised(
    passwords: Passwords, hashed: str
) -> None:
    assert not passwords.recognises(hashed)
    assert await passwords.verify(PASSWORD, hashed) == NO_MATCH


@pytest.mark.parametrize(
    "hashed",
    [
        f"$pbkdf2-sha1$i=1400000${SALT}${'A' * 27}",
        f"$pbkdf2-sha256$i=1200000${SALT}${TAG}",
        f"$pbkdf2-sha512$i=210000${SALT}${'A' * 86}",
        f"$scrypt$ln=17,r=8,p=1${SALT}${TAG}",
        f"$scrypt$ln=15,r=8,p=3${SALT}${TAG}",
        f"$firebase-scrypt$k=e24649fb,ln=14,r=8${SALT}${'A' * 86}",
        "$5$rounds=535000$saltstring$" + "a" * 43,
        "$6$rounds=656000$saltstring$" + "a" * 86,
    ],
)
async def test_what_systems_recommend_is_recognised(passwords: Passwords, hashed: str) -> None:
    assert passwords.recognises(hashed)


@pytest.mark.parametrize(
    "text",
    [
        "pbkdf2_sha256$1000$salt",
        "pbkdf2_sha256$many$salt$AAAA",
        "pbkdf2_sha256$" + "9" * 5000 + "$salt$AAAA",
        "pbkdf2_md5$1000$salt$AAAA",
        "pbkdf2_sha256$1000$salt$no base64",
        "scrypt$15$salt$8$1$AAAA",
        "scrypt$16$salt$8$AAAA",
        "scrypt:1000:8:1$salt$00",
        "scrypt:1024:8:1$salt$xy",
        "pbkdf2:sha256$salt$00",
        "$pbkdf2-sha256$l=32$salt$AAAA",
        "$scrypt$ln=99999999,r=8,p=1$salt",
        "$fbscrypt$v=1,n=14,r=8,p=2,sk=AAAA$salt$AAAA",
        "$fbscrypt$v=1,n=14,r=8,p=1$salt$AAAA",
    ],
)
async def test_a_text_that_only_begins_like_a_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.compile(".")) as refusal:
        stored_form(text)
    assert "salt" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "!", "!aBcD", "md5$salt$digest", "$2b$04$short"])
async def test_what_has_no_form_of_theirs_stays_as_it_is(text: str) -> None:
    assert stored_form(text) == text


async def test_only_what_there_is_has_a_stored_form() -> None:
    with pytest.raises(ValueError, match="digest"):
        pbkdf2.stored("md5", 1000, b"salt", b"digest")
    with pytest.raises(ValueError, match="Argon2"):
        argon2.stored(kind="id", version="1.4", cost=COST, salt=b"salt", tag=b"tag")
    with pytest.raises(ValueError, match="Argon2"):
        argon2.stored(kind="ids", version="1.3", cost=COST, salt=b"salt", tag=b"tag")
    with pytest.raises(ValueError, match="power"):
        scrypt.stored(1000, 8, 1, b"salt", b"digest")
