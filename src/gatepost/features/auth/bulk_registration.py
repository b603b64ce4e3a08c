"""Creates many accounts at once; each of them may fail alone."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from gatepost.errors import Problem, ValidationFailed
from gatepost.features.accounts import passwords
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.identity import canonical_email, canonical_username
from gatepost.features.accounts.models import User
from gatepost.features.accounts.passwords import NewAccount
from gatepost.features.accounts.service import NewUser
from gatepost.features.auth.registration import require_registrar
from gatepost.features.callers.principal import Principal
from gatepost.security.password_policy import WeakPassword
from gatepost.work import Work

_TRIES_BY_ADDRESS = 4
"""After each deadlock the rows are tried again: one in four tries is ordered by email address."""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The accounts created, in the order requested, and the problems of the others by index."""

    created: Sequence[User]
    refused: Sequence[tuple[int, Problem]]


async def register_many(
    work: Work, wanted: Sequence[NewAccount | Problem], registrar: Principal | None = None
) -> BulkOutcome:
    """Create the accounts that are valid; a `Problem` in `wanted` is returned among the refused.

    Raises `RegistrationClosed`, and `ServerBusy` before any account is created. All passwords are
    hashed first, so that the accounts are inserted in one short transaction.
    """
    actor_id = require_registrar(work, registrar)
    await work.commit_and_release()
    prepared = await _prepare_all(work, wanted)
    outcomes = sorted((await work.write(_create_all, prepared, count(), actor_id)).items())
    return BulkOutcome(
        created=[made for _, made in outcomes if isinstance(made, User)],
        refused=[(index, problem) for index, problem in outcomes if isinstance(problem, Problem)],
    )


async def _prepare_all(
    work: Work, wanted: Sequence[NewAccount | Problem]
) -> list[NewUser | Problem]:
    """Hash a few passwords at a time, one per thread, so that logins find room in the pool."""
    prepared: list[NewUser | Problem] = []
    for start in range(0, len(wanted), work.runtime.hash_pool.threads):
        some = wanted[start : start + work.runtime.hash_pool.threads]
        prepared += await asyncio.gather(*(_prepare(work, new) for new in some))
    return prepared


async def _prepare(work: Work, new: NewAccount | Problem) -> NewUser | Problem:
    if isinstance(new, Problem):
        return new
    try:
        return await passwords.to_new_user(work, new)
    except (ValidationFailed, WeakPassword) as problem:
        return problem


async def _create_all(
    work: Work, prepared: Sequence[NewUser | Problem], tries: Iterator[int], actor_id: int | None
) -> dict[int, User | Problem]:
    """Insert all rows in an order that avoids deadlocks with other requests."""
    order = _order_of_writing(prepared, by_username=next(tries) % _TRIES_BY_ADDRESS > 0)
    return {index: await _create(work, prepared[index], actor_id) for index in order}


async def _create(work: Work, new: NewUser | Problem, actor_id: int | None) -> User | Problem:
    if isinstance(new, Problem):
        return new
    try:
        return await accounts.create(work, new, actor_id=actor_id)
    except Problem as problem:
        return problem


def _order_of_writing(
    prepared: Sequence[NewUser | Problem], *, by_username: bool = False
) -> list[int]:
    """The order of inserting: by email address, or by username.

    Two requests with the same addresses, or the same usernames, then lock them in the same order,
    and cannot deadlock. Of rows with the same address or username the first still comes first.
    """
    wanted: Counter[str] = Counter()
    places: dict[int, tuple[int, str, str]] = {}
    for index, new in enumerate(prepared):
        if isinstance(new, Problem):
            places[index] = (0, "", "")
            continue
        address = canonical_email(new.email)
        name = canonical_username(new.username) if new.username else ""
        first, other = (name, address) if by_username else (address, name)
        other = other or f"none of row {index}"
        places[index] = (wanted[other], first, address)
        wanted[other] += 1
    return sorted(places, key=places.__getitem__)
