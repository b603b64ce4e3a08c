"""Hashes that other systems made are verified as they are, at bounded cost, and then replaced."""

import hashlib
import re
import unicodedata
from base64 import b64encode
from contextlib import suppress

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.security.hash_pool import HashPool
from gatepost.security.legacy_hashes import argon2, pbkdf2, phc, scrypt, yescrypt
from gatepost.security.legacy_hashes.foreign import to_phc
from gatepost.security.passwords import Passwords, Verification
from tests.support import foreign_hashes
from tests.support.cheap_hashes import cheap_settings
from tests.support.foreign_hashes import (
    PASSWORD,
    SIGNER_KEY,
    STORED,
    STORED_OF_DECOMPOSED,
    TEXTS,
)

pytestmark = pytest.mark.anyio

OUTDATED = Verification(matches=True, needs_rehash=True)
NO_MATCH = Verification(matches=False, needs_rehash=False)
DECOMPOSED = unicodedata.normalize("NFD", PASSWORD)

SALT = "MDEyMzQ1Njc4OWFiY2RlZg"
TAG = "A" * 43
PASSWORDS = Passwords(cheap_settings(), HashPool(threads=1, queue_limit=0))
PHPBB_ESCAPED = "$H$5Tw.zk2eTphd1zXv.Cvoj9Iffbvtmv1"
COST = argon2.Argon2Cost(kib=8, passes=1, lanes=1)


@pytest.fixture
def passwords(pool: HashPool) -> Passwords:
    return Passwords(cheap_settings(firebase_signer_key=SIGNER_KEY), pool)


@pytest.mark.parametrize("name", STORED)
async def test_a_hash_of_another_system_is_verified_and_to_be_replaced(
    passwords: Passwords, name: str
) -> None:
    assert passwords.identify(STORED[name])
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
    assert to_phc(STORED[name]) == STORED[name]


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
        assert not passwords.identify(hashed)
        assert await passwords.verify(PASSWORD, hashed) == NO_MATCH
    assert SIGNER_KEY.rstrip("=") not in hashed


async def test_a_firebase_hash_that_supabase_took_over_is_verified(pool: HashPool) -> None:
    """The example of GoTrue's own tests."""
    key = "ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw=="
    hashed = to_phc(
        f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={key}$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7"
        "y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=="
    )
    assert key.rstrip("=") not in hashed
    passwords = Passwords(cheap_settings(firebase_signer_key=key), pool)
    assert await passwords.verify("mytestpassword", hashed) == OUTDATED


async def test_a_firebase_hash_that_kratos_took_over_is_verified(pool: HashPool) -> None:
    """The example of Kratos' own tests."""
    key = "YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw=="
    hashed = to_phc(
        "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4Nt"
        f"imOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==${key}"
    )
    assert key.rstrip("=") not in hashed
    passwords = Passwords(cheap_settings(firebase_signer_key=key), pool)
    assert await passwords.verify("8x4WjoDbSxJZdR", hashed) == OUTDATED
    assert await passwords.verify("8x4WjoDbSxJZdr", hashed) == NO_MATCH


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
        "$5$saltstring$" + "A" * 42 + "E",
        "$6$saltstring$" + "A" * 85 + "2",
        f"$scrypt$ln=16,r=1,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=8,t=0,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=8,t=1,p=0${SALT}${TAG}",
        f"$argon2id$v=19$m=15,t=1,p=2${SALT}${TAG}",
        f"$argon2id$v=19$m=064,t=1,p=1${SALT}${TAG}",
        f"$argon2id$v=19$t=1,m=64,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=64,m=64,t=1,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA${SALT}${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1,data=AAAA${SALT}${TAG}",
        f"$argon2id$v=18$m=64,t=1,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT[:10]}${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT[:-1]}h${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT}${TAG[:-1]}B",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT}${TAG[:13]}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT}${TAG[:17]}",
        "$P$4" + "a" * 8 + "." * 22,
        "$P$J" + "a" * 8 + "." * 22,
        "$P$B" + "a" * 8 + "." * 21 + "2",
        "$P$B" + "a" * 8 + "." * 43,
        "$S$E" + "a" * 8 + "." * 22,
        "$y$j9T$" + "." * 21 + "$" + "." * 43,
        "$y$j9T$" + "." * 22 + "$" + "." * 42 + "z",
        "$y$jET$" + "." * 22 + "$" + "." * 43,
        "$y$j1T$" + "." * 22 + "$" + "." * 43,
        "$y$.9T$" + "." * 22 + "$" + "." * 43,
        "$wp$2y$17$" + "." * 53,
        "$bcrypt-sha256$v=2,t=2b,r=17$" + "." * 22 + "$" + "." * 31,
        "$bcrypt-sha256$v=3,t=2b,r=12$" + "." * 22 + "$" + "." * 31,
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$pbkdf2-sha256$i=1000$" + "A" * 300 + "$" + "A" * 300,
    ],
)
async def test_what_would_cost_too_much_or_is_no_hash_is_not_recognised(
    passwords: Passwords, hashed: str
) -> None:
    assert not passwords.identify(hashed)
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
        "$5$rounds=535000$saltstring$" + "A" * 43,
        "$6$rounds=656000$saltstring$" + "." * 86,
        "$P$B" + "a" * 8 + "." * 22,
        "$S$E" + "a" * 8 + "." * 43,
        "$y$j9T$" + "." * 22 + "$" + "." * 43,
        "$y$jDT$" + "." * 22 + "$" + "." * 43,
        f"$scrypt-nfkc$ln=14,r=16,p=1${SALT}${'A' * 86}",
    ],
)
async def test_what_systems_recommend_is_recognised(passwords: Passwords, hashed: str) -> None:
    assert passwords.identify(hashed)


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
        "$firescrypt$ln=14,r=8,p=2$salt$AAAA$AAAA$AAAA",
        "$firescrypt$ln=14,r=8,p=1$salt$AAAA$AAAA$",
        "$firescrypt$ln=14,r=8,p=1$salt$AAAA",
        "$scrypt$ln=1000,r=8,p=1$salt$AAAA",
        "$pbkdf2-sha384$i=1000,l=32$salt$AAAA",
        "$p5k2$10$salt",
        "$p5k2$10$salt$AAAA",
        "$p5k2$many$salt$" + "A" * 32,
        "$p5k2$$salt$" + "A" * 27 + "=",
        "$p5k2$100000000$salt$" + "A" * 32,
        "3|$p5k2$10$salt",
        "{CRYPT.b64}salt",
        "{CRYPT.b64}$5$salt",
        "{CRYPT.hex}salt",
        "{CRYPT.hex}ff",
        "{CRYPT.rot13}salt",
        "{BLF-CRYPT.b64}JDUkc2FsdA==",
        "{SHA512.b64}c2FsdA==",
        "{SSHA}salt",
        "{noop}salt",
        "{MD5}salt",
        "{CRYPT}salt",
        "{CRYPT}{CRYPT}$2b$04$salt",
        "{bcrypt}$argon2id$salt",
        "{ARGON2ID}$argon2i$salt",
        "{PBKDF2}$1$salt$many$00",
        "{PBKDF2-SHA256}1000$salt",
        "{PBKDF2-MD5}1000$salt$AAAA",
        "{pbkdf2}00",
        "{pbkdf2@SpringSecurity_v5_8}salt",
        "{scrypt}$salt",
        "{" + "x" * 5000 + "}salt",
    ],
)
async def test_a_text_that_only_begins_like_a_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.compile(".")) as refusal:
        to_phc(text)
    assert "salt" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "!", "!aBcD", "md5$salt$digest", "$2b$04$short"])
async def test_what_has_no_form_of_theirs_stays_as_it_is(text: str) -> None:
    assert to_phc(text) == text


# Published by those who made the schemes, or by those who break them.
PUBLISHED = {
    "ASP.NET Identity 3 over SHA-1": (
        "my password",
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
    ),
    "ASP.NET Identity 3 over SHA-256": (
        "my password",
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
    ),
    "ASP.NET Identity 2": (
        "my password",
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
    ),
    "Spring bcrypt": (
        "password",
        "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
    ),
    "Spring PBKDF2": (
        "password",
        "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
    ),
    "Spring scrypt": (
        "password",
        "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeU"
        "p4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
    ),
    "389 Directory Server": (
        "hashcat",
        "{PBKDF2_SHA256}AACkEGhlaiBqZW5z/jtuSox0CrtV9SHiVFjYeHpQ/ki2kwDrQeSqiiTn8LOmpPCw3r6TK/JD"
        "fl+ZAXRoc3VidGxldHllIXuxBDl6ItQOMupkRn+hzi/LEdr62a7B9sNOo8BPL9Z2nOi/m9AI+nAd/qwpLD1fbeDg"
        "s2DdpCZ4QfljuCLRBdURZV3HcXDUjD7PZ1CQcIOv9VbFlbu0IBmiU7ccMyb/qoxi+rPMqE4U8f6hL0TQjTjlOzU9"
        "MpPYS+WfztpYy7lEN6QghhOz0xe+0y2rDoK+yCS4PykkNS4FFc+xeiT6SNy3r7m+0teyaQKOExLrjogWkj+t+e4b"
        "MpHNx/FL3jkjCsuZnhq/t8eshG9DKmeD9b/QMkqT8dxe0jmr0s4+GnmHpMQMAxYW3pg70TluiDp3kJrDr1/d8OQe"
        "rkQRevNx",
    ),
    "Drupal 7": ("hashcat", "$S$C33783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf"),
    "phpass": ("hashcat", "$P$984478476IagS59wHZvyQMArzfx58u."),
    "Nextcloud 1": (
        "password",
        "1|$2a$05$ezAE0dkwk57jlfo6z5Pql.gcIK3ReXT15W7ITNxVS0ksfhO/4E4Kq",
    ),
    "Nextcloud 2": (
        "nextcloud.com",
        "2|$argon2i$v=19$m=1024,t=2,p=2$NC9xM0FFaDlzM01QM3kudg"
        "$fSfndwtO2mKMZlKdsT8XAtPY51cSS6pLSGS3xMqeJhg",
    ),
    "Kratos scrypt": (
        "test",
        "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA="
        "$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
    ),
    "Kratos PBKDF2-SHA512": (
        "test",
        "$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU"
        "$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc",
    ),
    "Cryptacular": (
        "hashy the \N{SNOWMAN}",
        "$p5k2$1000$ZxK4ZBJCfQg=$jJZVscWtO--p1-xIZl6jhO2LKR0=",
    ),
    "WordPress 6.8": (
        "grimoire-test-123",
        "$wp$2y$12$iWN5xRwDE7i9R5jVJvCyqOxS1CNnwUggQaF8O2W9Bg8TuXQz.ngrS",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
async def test_published_examples_are_verified(passwords: Passwords, name: str) -> None:
    password, text = PUBLISHED[name]
    hashed = to_phc(text)
    assert (len(hashed) <= 512, to_phc(hashed)) == (True, hashed)
    assert await passwords.verify(password, hashed) == OUTDATED
    assert await passwords.verify(password + "x", hashed) == NO_MATCH


async def test_names_in_braces_are_read_in_any_case(passwords: Passwords) -> None:
    hashed = TEXTS["LDAP bcrypt"].removeprefix("{CRYPT}")
    for name in ("CRYPT", "crypt", "Crypt", "BLF-CRYPT", "bcrypt"):
        assert await passwords.verify(PASSWORD, to_phc(f"{{{name}}}{hashed}")) == OUTDATED


async def test_springs_pbkdf2_since_5_8_is_read_by_its_defaults(passwords: Passwords) -> None:
    derived = hashlib.pbkdf2_hmac("sha256", b"password", b"s" * 16, 310_000)
    text = f"{{pbkdf2@SpringSecurity_v5_8}}{(b's' * 16 + derived).hex()}"
    assert await passwords.verify("password", to_phc(text)) == OUTDATED


async def test_lucias_mark_before_a_scrypt_hash_is_read() -> None:
    assert to_phc("s2:" + TEXTS["better-auth"]) == STORED["better-auth"]


async def test_lucias_older_salts_are_letters_and_digits(passwords: Passwords) -> None:
    salt = "k3v9zq0x7mw2b8ta"
    derived = hashlib.scrypt(
        b"password", salt=salt.encode(), n=2**14, r=16, p=1, maxmem=2**26, dklen=64
    )
    assert await passwords.verify("password", to_phc(f"s2:{salt}:{derived.hex()}")) == OUTDATED


async def test_the_salts_of_lucia_1_have_capital_letters(passwords: Passwords) -> None:
    salt = "k3V9zQ0x7mW2b8Ta"
    derived = hashlib.scrypt(
        b"password", salt=salt.encode(), n=2**14, r=16, p=1, maxmem=2**26, dklen=64
    )
    assert await passwords.verify("password", to_phc(f"s2:{salt}:{derived.hex()}")) == OUTDATED


async def test_lucias_first_hashes_have_no_mark_and_smaller_blocks(passwords: Passwords) -> None:
    salt = "k3V9zQ0x7mW2b8Ta"
    derived = hashlib.scrypt(
        PASSWORD.encode(), salt=salt.encode(), n=2**14, r=8, p=1, maxmem=2**26, dklen=64
    )
    assert await passwords.verify(PASSWORD, to_phc(f"{salt}:{derived.hex()}")) == OUTDATED
    of_others = f"0123456789abcdef:{derived.hex()}"
    assert not passwords.identify(to_phc(of_others))


@pytest.mark.parametrize("version", "123")
async def test_nextclouds_version_before_a_hash_of_php_is_taken_off(version: str) -> None:
    for name in ("pwdlib Argon2", "pwdlib bcrypt", "Argon2 without a version"):
        assert to_phc(f"{version}|{TEXTS[name]}") == STORED[name]


@pytest.mark.parametrize("name", ["Dovecot BLF-CRYPT", "Dovecot SHA256-CRYPT", "Dovecot PBKDF2"])
async def test_dovecots_encodings_are_taken_off(name: str) -> None:
    scheme, hashed = TEXTS[name].removeprefix("{").split("}")
    encoded = b64encode(hashed.encode()).decode()
    assert to_phc(f"{{{scheme}.b64}}{encoded}") == STORED[name]
    assert to_phc(f"{{{scheme}.BASE64}}{encoded.rstrip('=')}") == STORED[name]
    assert to_phc(f"{{{scheme}.hex}}{hashed.encode().hex()}") == STORED[name]


@pytest.mark.parametrize("name", ["pwdlib Argon2", "Argon2 without a version"])
async def test_padding_in_an_argon2_hash_is_taken_off(name: str) -> None:
    start, salt, tag = TEXTS[name].rsplit("$", 2)
    padded_salt, padded_tag = (part + "=" * (-len(part) % 4) for part in (salt, tag))
    assert (padded_salt, padded_tag) != (salt, tag)
    for text in (f"{start}${padded_salt}${padded_tag}", f"{start}${padded_salt}${tag}"):
        assert to_phc(text) == STORED[name]
    assert to_phc(f"{start}${salt}${padded_tag}") == STORED[name]


@pytest.mark.parametrize(("name", "kratos"), [("glibc SHA-256", "256"), ("glibc SHA-512", "512")])
async def test_kratos_names_of_sha_crypt_are_read(name: str, kratos: str) -> None:
    rest = TEXTS[name].split("$", 2)[2]
    assert to_phc(f"$sha{kratos}-crypt${rest}") == STORED[name]


@pytest.mark.parametrize(
    "text",
    [
        f"$p5k2$ffffffff$salt${'A' * 32}",
        f"$p5k2$0$salt${'A' * 27}=",
        f"$scrypt$ln=2097152,r=8,p=1${SALT}==${TAG}=",
        f"$scrypt$ln=31,r=8,p=1${SALT}${TAG}",
        f"1|$1$saltstring${'a' * 22}",
        f"4|$argon2id$v=19$m=64,t=1,p=1${SALT}${TAG}",
        f"$argon2id$v=19$m=64,t=1,p=1${SALT}===${TAG}",
    ],
)
async def test_what_others_wrote_is_not_recognised_where_it_costs_too_much(
    passwords: Passwords, text: str
) -> None:
    assert not passwords.identify(to_phc(text))


async def test_better_auths_passwords_are_compared_in_form_nfkc(passwords: Passwords) -> None:
    wide = PASSWORD.replace("H", "\N{FULLWIDTH LATIN CAPITAL LETTER H}")
    assert await passwords.verify(wide, STORED["better-auth"]) == OUTDATED


async def test_wordpress_passwords_are_compared_without_the_blanks_around_them(
    passwords: Passwords,
) -> None:
    for name in ("WordPress bcrypt", "phpass"):
        assert await passwords.verify(f" {PASSWORD}\t", STORED[name]) == OUTDATED
    assert await passwords.verify(f" {PASSWORD}", STORED["phpBB"]) == NO_MATCH


async def test_phpbb_passwords_are_compared_as_it_shows_them_on_pages(
    passwords: Passwords,
) -> None:
    # phpass' hash of "a&amp;b&lt;c&gt;d&quot;e'f", by passlib.
    assert await passwords.verify("a&b<c>d\"e'f", PHPBB_ESCAPED) == OUTDATED
    assert await passwords.verify("a&b<c>d\"e'f", PHPBB_ESCAPED.replace("H", "P", 1)) == NO_MATCH


async def test_no_yescrypt_hash_is_recognised_where_the_c_library_knows_none(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yescrypt, "_crypt", lambda: None)
    hashed = STORED["Debian yescrypt"]
    assert not passwords.identify(hashed)
    assert await passwords.verify(PASSWORD, hashed) == NO_MATCH


async def test_a_c_library_that_hashes_otherwise_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wrong in (None, b"*0", b"$y$j75$./0123456789ABCDEFGHI1$" + b"." * 43):
        monkeypatch.setattr(yescrypt, "_load", lambda _, made=wrong: lambda *_: made)
        assert yescrypt._crypt.__wrapped__() is None


# What is recognised can be verified.

BCRYPT_DIGITS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("name", "salt_ends_at"),
    [
        ("pwdlib bcrypt", -32),
        ("Django bcrypt", -32),
        ("Django bcrypt over SHA-256", -32),
        ("WordPress bcrypt", -32),
        ("LDAP bcrypt", -32),
        ("Dovecot BLF-CRYPT", -32),
        ("passlib bcrypt over SHA-256", -33),
        ("passlib bcrypt over SHA-256, first version", -33),
    ],
)
async def test_bits_of_bcrypt_that_do_not_count_are_taken_off(
    passwords: Passwords, name: str, salt_ends_at: int
) -> None:
    text = TEXTS[name]
    places = (salt_ends_at, 0b001111), (-1, 0b000011)
    for at, stray in places:
        changed = BCRYPT_DIGITS[BCRYPT_DIGITS.index(text[at]) | stray]
        noisy = text[:at] + changed + (text[at + 1 :] if at < -1 else "")
        assert noisy != text
        assert to_phc(noisy) == STORED[name]
    assert await passwords.verify(PASSWORD, STORED[name]) == OUTDATED


DIGITS = st.text("./AZaz09+BQgwEDCSeuOq618", min_size=1, max_size=90)
COUNTS = st.sampled_from(["0", "1", "2", "3", "7", "8", "9", "15", "16", "17", "31", "64", "064"])
TAILS = st.one_of(
    st.builds("{}${}".format, DIGITS, DIGITS),
    st.builds(
        lambda n, m, last, end: "." * n + last + "$" + "." * m + end,
        *(st.integers(7, 43), st.integers(21, 85)),
        *(st.sampled_from("./AQgwOeuED2B"), st.sampled_from("./AQgwCGK2DE1B")),
    ),
    st.builds(
        lambda salt, digest: f"{phc.encode(salt)}${phc.encode(digest)}",
        st.binary(max_size=40),
        st.binary(min_size=1, max_size=70),
    ),
)
ANY_HASH = st.one_of(
    st.builds(
        "$argon2{}$v={}$m={},t={},p={}${}".format,
        st.sampled_from(["id", "i", "d", "x"]),
        st.sampled_from(["16", "19", "18", "019"]),
        *(COUNTS, COUNTS, COUNTS, TAILS),
    ),
    st.builds("$argon2i$m={},t={},p={}${}".format, COUNTS, COUNTS, COUNTS, TAILS),
    st.builds("$pbkdf2-{}$i={}${}".format, st.sampled_from(["sha1", "sha256"]), COUNTS, TAILS),
    st.builds(
        "${}$ln={},r={},p={}${}".format,
        st.sampled_from(["scrypt", "scrypt-nfkc"]),
        *(st.sampled_from(["1", "9", "15", "16", "17"]), COUNTS, st.sampled_from(["0", "1", "2"])),
        TAILS,
    ),
    st.builds(
        lambda prefix, tail: prefix + tail.replace("$", ""),
        st.sampled_from(
            ["$2b$04$", "$2y$04$", "$2x$04$", "$wp$2y$04$", "$bcrypt-sha256-hex$2b$04$"]
        ),
        TAILS,
    ),
    st.builds(
        "$bcrypt-sha256${}${}".format, st.sampled_from(["2b,4", "v=2,t=2a,r=4", "2b,04"]), TAILS
    ),
    st.builds("$5${}".format, TAILS),
    st.builds("$p5k2${}${}".format, st.sampled_from(["", "1", "190", "3e8", "0"]), TAILS),
    st.builds("$scrypt$ln={},r={},p=1${}".format, st.sampled_from([32, 64, 100]), COUNTS, TAILS),
    st.builds("{}|$argon2id$v=19$m=8,t=1,p=1${}=".format, st.sampled_from("0123"), TAILS),
    st.builds("$6$rounds=1000${}".format, TAILS),
    st.builds(
        lambda kind, rounds, tail: f"${kind}${rounds}{tail.replace('$', '')}",
        *(st.sampled_from("PHS"), st.sampled_from(".457"), TAILS),
    ),
    st.builds("$y$j{}{}${}".format, st.sampled_from("6789"), st.sampled_from(".45TjkZ"), TAILS),
)


@given(ANY_HASH, st.sampled_from([b"", b"x", "\u00e4".encode() * 40]))
@settings(max_examples=1500, deadline=None)
def test_what_is_recognised_can_be_verified(text: str, password: bytes) -> None:
    with suppress(ValueError):
        text = to_phc(text)
    if PASSWORDS.identify(text):
        scheme = PASSWORDS._scheme_of(text)
        assert scheme is not None
        if scheme.max_bytes is None or len(password) <= scheme.max_bytes:
            assert scheme.verify(password, text) is False


async def test_only_what_there_is_has_a_stored_form() -> None:
    with pytest.raises(ValueError, match="digest"):
        pbkdf2.stored("md5", 1000, b"salt", b"digest")
    with pytest.raises(ValueError, match="Argon2"):
        argon2.stored(kind="id", version="1.4", cost=COST, salt=b"salt", tag=b"tag")
    with pytest.raises(ValueError, match="Argon2"):
        argon2.stored(kind="ids", version="1.3", cost=COST, salt=b"salt", tag=b"tag")
    with pytest.raises(ValueError, match="power"):
        scrypt.stored(1000, 8, 1, b"salt", b"digest")
