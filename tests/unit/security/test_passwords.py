"""A password matches its own hash and no other, and no answer costs less than another."""

import asyncio
import random
import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import bcrypt
import pytest
from argon2 import PasswordHasher, Type

from gatepost.security.argon2 import Argon2, Cost
from gatepost.security.hash_pool import HashPool, ServerBusy
from gatepost.security.passwords import Passwords, UnusablePassword, Verification
from tests.support import patience
from tests.support.cheap_hashes import cheap_settings

pytestmark = pytest.mark.anyio

HASHERS = ("argon2", "bcrypt")
CURRENT = Verification(matches=True, needs_rehash=False)
OUTDATED = Verification(matches=True, needs_rehash=True)
NO_MATCH = Verification(matches=False, needs_rehash=False)

UNHASHABLE = ["nul\0inside", "\0", "\ud800", "half \udfff of a pair", "x" * 4097]


@pytest.fixture(params=HASHERS)
def hasher(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def passwords(hasher: str, pool: HashPool) -> Passwords:
    return Passwords(cheap_settings(password_hasher=hasher), pool)


@dataclass
class Work:
    """What the two libraries were asked to do: the cost in each hash, and the thread."""

    costs: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def note(self, hashed: str) -> None:
        cost = re.match(r"\$argon2.*,p=\d+|\$2b\$\d\d", hashed)
        self.costs.append(cost[0] if cost else "unknown")
        self.threads.add(threading.current_thread().name)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    argon2_verify = Argon2.verify
    argon2_hash, bcrypt_hash = Argon2.hash, bcrypt.hashpw

    def verify_argon2(self: Argon2, password: bytes, hashed: str) -> bool:
        work.note(hashed)
        return argon2_verify(self, password, hashed)

    def verify_bcrypt(password: bytes, hashed: bytes) -> bool:
        work.note(hashed.decode())
        # Before 4.1 the library's checkpw called its own hashpw, which would be noted twice.
        return bcrypt_hash(password, hashed) == hashed

    def hash_argon2(self: Argon2, password: bytes, cost: Cost) -> str:
        work.note(hashed := argon2_hash(self, password, cost))
        return hashed

    def hash_bcrypt(password: bytes, salt: bytes) -> bytes:
        work.note(salt.decode())
        return bcrypt_hash(password, salt)

    monkeypatch.setattr(Argon2, "verify", verify_argon2)
    monkeypatch.setattr(Argon2, "hash", hash_argon2)
    monkeypatch.setattr(bcrypt, "checkpw", verify_bcrypt)
    monkeypatch.setattr(bcrypt, "hashpw", hash_bcrypt)
    return work


async def test_a_password_matches_its_own_hash(passwords: Passwords) -> None:
    hashed = await passwords.hash("Test1234!")
    assert await passwords.verify("Test1234!", hashed) == CURRENT


@pytest.mark.parametrize(
    "attempt", ["test1234!", "Test1234", "Test1234! ", " Test1234!", "\uff34est1234!", "", "\ud800"]
)
async def test_any_other_password_does_not(passwords: Passwords, attempt: str) -> None:
    assert await passwords.verify(attempt, await passwords.hash("Test1234!")) == NO_MATCH


async def test_random_passwords_match_themselves_and_not_each_other(passwords: Passwords) -> None:
    dice = random.Random(63)
    alphabet = "aZ09 ~é\u0301\u0316ßİ\u200d字😀\t"
    samples = {"".join(dice.choices(alphabet, k=dice.randint(0, 16))) for _ in range(40)}
    distinct = list({unicodedata.normalize("NFC", sample) for sample in samples})
    hashes = [await passwords.hash(sample) for sample in distinct]
    for sample, own, other in zip(distinct, hashes, hashes[1:] + hashes[:1], strict=True):
        assert await passwords.verify(sample, own) == CURRENT
        assert await passwords.verify(sample, other) == NO_MATCH


async def test_one_password_has_a_new_hash_each_time(passwords: Passwords) -> None:
    assert await passwords.hash("Test1234!") != await passwords.hash("Test1234!")


async def test_the_two_ways_to_write_an_accent_are_one_password(passwords: Passwords) -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    assert await passwords.verify(decomposed, await passwords.hash(composed)) == CURRENT
    assert await passwords.verify(composed, await passwords.hash(decomposed)) == CURRENT


async def test_compatible_characters_are_not_one_password(passwords: Passwords) -> None:
    assert await passwords.verify("ﬁne print", await passwords.hash("fine print")) == NO_MATCH


async def test_the_default_is_argon2id_as_owasp_recommends(pool: HashPool) -> None:
    passwords = Passwords(cheap_settings(argon2_memory_kib=19456, argon2_time_cost=2), pool)
    assert (await passwords.hash("Test1234!")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_bcrypt_hashes_carry_the_cost_of_the_settings(pool: HashPool) -> None:
    passwords = Passwords(cheap_settings(password_hasher="bcrypt", bcrypt_cost=5), pool)
    assert (await passwords.hash("Test1234!")).startswith("$2b$05$")


@pytest.mark.parametrize(("before", "now"), [HASHERS, HASHERS[::-1]])
async def test_each_algorithm_verifies_the_others_hashes(
    pool: HashPool, before: str, now: str
) -> None:
    hashed = await Passwords(cheap_settings(password_hasher=before), pool).hash("Test1234!")
    today = Passwords(cheap_settings(password_hasher=now), pool)
    assert await today.verify("Test1234!", hashed) == OUTDATED
    assert await today.verify("Test1234?", hashed) == NO_MATCH


@pytest.mark.parametrize(
    "change",
    [
        {"argon2_memory_kib": 16},
        {"argon2_time_cost": 2},
        {"argon2_parallelism": 2, "argon2_memory_kib": 16},
        {"password_hasher": "bcrypt", "bcrypt_cost": 5},
    ],
)
async def test_a_hash_of_another_cost_is_to_be_replaced(
    pool: HashPool, change: dict[str, str | int]
) -> None:
    hasher = change.get("password_hasher", "argon2")
    hashed = await Passwords(cheap_settings(password_hasher=hasher), pool).hash("Test1234!")
    today = Passwords(cheap_settings(**change), pool)
    assert await today.verify("Test1234!", hashed) == OUTDATED
    assert await today.verify("Test1234!", await today.hash("Test1234!")) == CURRENT


@pytest.mark.parametrize("kind", [Type.I, Type.D])
async def test_argon2_hashes_of_other_kinds_are_verified_and_replaced(
    pool: HashPool, kind: Type
) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=kind)
    passwords = Passwords(cheap_settings(), pool)
    assert await passwords.verify("Test1234!", older.hash("Test1234!")) == OUTDATED


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_bcrypt_hashes_of_other_systems_are_verified(pool: HashPool, prefix: str) -> None:
    hashed = bcrypt.hashpw(b"Test1234!", bcrypt.gensalt(4)).decode().replace("$2b$", prefix)
    passwords = Passwords(cheap_settings(password_hasher="bcrypt"), pool)
    assert await passwords.verify("Test1234!", hashed) == CURRENT


async def test_bcrypt_reads_72_bytes_and_no_password_is_cut_to_them(pool: HashPool) -> None:
    passwords = Passwords(cheap_settings(password_hasher="bcrypt"), pool)
    longest = "é" * 36
    hashed = await passwords.hash(longest)
    assert await passwords.verify(longest, hashed) == CURRENT
    assert await passwords.verify(longest + "x", hashed) == NO_MATCH
    with pytest.raises(UnusablePassword):
        await passwords.hash(longest + "x")


async def test_a_bcrypt_hash_is_not_matched_by_its_password_and_more_under_argon2(
    pool: HashPool,
) -> None:
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    passwords = Passwords(cheap_settings(), pool)
    assert await passwords.verify("x" * 72, hashed) == OUTDATED
    assert await passwords.verify("x" * 73, hashed) == NO_MATCH


async def test_argon2_reads_a_password_to_its_end(pool: HashPool) -> None:
    passwords = Passwords(cheap_settings(), pool)
    longest = "😀" * 1024
    hashed = await passwords.hash(longest)
    assert await passwords.verify(longest, hashed) == CURRENT
    assert await passwords.verify(longest[:-1], hashed) == NO_MATCH
    assert await passwords.verify(longest[:-1] + "x", hashed) == NO_MATCH


@pytest.mark.parametrize("password", UNHASHABLE)
async def test_what_cannot_be_hashed_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(UnusablePassword) as refusal:
        await passwords.hash(password)
    assert refusal.value.status == 422


@pytest.mark.parametrize("password", [*UNHASHABLE, "x" * 73, "a password of no account"])
async def test_what_cannot_be_hashed_matches_nothing_after_the_same_work(
    passwords: Passwords, work: Work, password: str
) -> None:
    hashed = await passwords.hash("Test1234!")
    work.costs.clear()
    assert await passwords.verify("test1234!", hashed) == NO_MATCH
    assert await passwords.verify(password, hashed) == NO_MATCH
    assert len(work.costs) == 2
    assert work.costs[0] == work.costs[1]


async def test_the_stand_in_for_an_unusable_password_is_not_let_in(passwords: Passwords) -> None:
    hashed = await passwords.hash("a password of no account")
    assert await passwords.verify("\0", hashed) == NO_MATCH


MALFORMED: list[Callable[[str], str]] = [
    lambda _: "",
    lambda _: "!",
    lambda _: "Test1234!",
    lambda _: "\0\ud800",
    lambda _: "pbkdf2_sha256$1000$salt$hash",
    lambda _: "$argon2id$v=19$m=8,t=1,p=1$$",
    lambda _: "$argon2id$v=19$m=8,t=0,p=1$YWJjYWJjYWI$" + "A" * 43,
    lambda _: "$argon2id$v=19$m=1,t=1,p=1$YWJjYWJjYWI$" + "A" * 43,
    lambda _: "$argon2id$v=19$m=8,t=1,p=1$YWJjYWJjYWI$" + "A" * 41,
    lambda _: "$argon2id$v=19$m=999999999,t=999999999,p=1$YWJjYWJjYWI$" + "A" * 43,
    lambda _: "$argon2id$v=19$m=8000,t=1,p=999$YWJjYWJjYWI$" + "A" * 43,
    lambda _: "$2b$31$" + "." * 53,
    lambda _: "$2b$04$" + "/" * 53,
    lambda _: "$2b$03$" + "." * 53,
    lambda _: "$2b$xx$" + "." * 53,
    lambda own: own[:-1],
    lambda own: own + "\n",
    lambda own: own + "$",
    lambda own: " " + own,
    lambda own: own.upper(),
    lambda own: own.replace("2", "\uff12"),
]


@pytest.mark.parametrize("malform", MALFORMED)
async def test_a_malformed_hash_matches_nothing_after_the_work_of_a_real_one(
    passwords: Passwords, work: Work, malform: Callable[[str], str]
) -> None:
    own = await passwords.hash("Test1234!")
    cost = work.costs.pop()
    for password in ("Test1234!", "x" * 200, "\0"):
        work.costs.clear()
        assert await passwords.verify(password, malform(own)) == NO_MATCH
        assert work.costs[-1] == cost


async def test_random_damage_to_a_hash_never_raises_and_never_matches(
    passwords: Passwords,
) -> None:
    dice = random.Random(6)
    own = await passwords.hash("Test1234!")
    for _ in range(300):
        at = dice.randrange(len(own))
        damaged = own[:at] + chr(dice.randrange(1, 0x250)) + own[at + 1 :]
        if damaged[:20] == own[:20] and damaged != own:
            assert await passwords.verify("Test1234!", damaged) == NO_MATCH


async def test_an_unknown_user_costs_the_work_of_a_known_one(
    passwords: Passwords, work: Work
) -> None:
    hashed = await passwords.hash("Test1234!")
    work.costs.clear()
    assert await passwords.verify("Test1234?", hashed) == NO_MATCH
    assert await passwords.verify("Test1234?", None) == NO_MATCH
    assert await passwords.verify("\0", None) == NO_MATCH
    assert len(set(work.costs)) == 1
    assert len(work.costs) == 3


async def test_all_hashing_happens_in_the_pool(passwords: Passwords, work: Work) -> None:
    hashed = await passwords.hash("Test1234!")
    for known in (hashed, None, "malformed"):
        await passwords.verify("Test1234!", known)
    assert len(work.costs) == 4
    assert all(name.startswith("gatepost-hash") for name in work.threads)


async def test_a_hash_is_recognised_if_it_can_be_compared_with(passwords: Passwords) -> None:
    assert passwords.identify(await passwords.hash("Test1234!"))
    assert passwords.identify("$2y$12$" + "a" * 21 + "e" + "a" * 31)
    assert passwords.identify("$argon2i$v=19$m=102400,t=2,p=8$" + "A" * 22 + "$" + "A" * 43)
    assert not passwords.identify("$2y$17$" + "a" * 21 + "e" + "a" * 31)
    assert not passwords.identify("5f4dcc3b5aa765d61d8327deb882cf99")


async def test_a_flood_of_logins_is_refused_past_the_queue(hasher: str) -> None:
    pool, opened = HashPool(threads=1, queue_limit=20), threading.Event()
    passwords = Passwords(cheap_settings(password_hasher=hasher), pool)
    held = asyncio.create_task(pool.run(partial(opened.wait, patience.SECONDS)))
    await asyncio.sleep(0)
    flood = [asyncio.create_task(passwords.verify("Test1234!", None)) for _ in range(200)]
    await asyncio.sleep(0)
    opened.set()
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert await held
    pool.close()
    assert answers.count(NO_MATCH) == 20
    assert sum(isinstance(answer, ServerBusy) for answer in answers) == 180
