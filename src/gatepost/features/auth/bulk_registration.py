"""Making many accounts, each of which may fail alone."""

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
from gatepost.features.auth.registration import refuse_if_closed
from gatepost.features.callers.principal import Principal
from gatepost.security.password_policy import WeakPassword
from gatepost.work import Work

_TRIES_BY_ADDRESS = 4
"""Of so many tries the first goes by address, the others by username."""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The accounts made, in the order asked for, and by place why the others were not."""

    created: Sequence[User]
    refused: Sequence[tuple[int, Problem]]


async def register_many(
    work: Work, wanted: Sequence[NewAccount | Problem], registrar: Principal | None = None
) -> BulkOutcome:
    """Make as many accounts as can be; a problem among those wanted is refused as it is.

    Raises `RegistrationClosed`; and `ServerBusy`, before any account is made. All passwords are
    hashed first, so that the accounts are written in one short transaction.
    """
    actor_id = refuse_if_closed(work, registrar)
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
    """Hash a core's worth at a time, so that other logins find room in the pool."""
    prepared: list[NewUser | Problem] = []
    for start in range(0, len(wanted), work.runtime.hash_pool.threads):
        some = wanted[start : start + work.runtime.hash_pool.threads]
        prepared += await asyncio.gather(*(_prepare(work, new) for new in some))
    return prepared


async def _prepare(work: Work, new: NewAccount | Problem) -> NewUser | Problem:
    if isinstance(new, Problem):
        return new
    try:
        return await passwords.prepare(work, new)
    except (ValidationFailed, WeakPassword) as problem:
        return problem


async def _create_all(
    work: Work, prepared: Sequence[NewUser | Problem], tries: Iterator[int], actor_id: int | None
) -> dict[int, User | Problem]:
    """Where addresses had no order in common with another request's, usernames may have one."""
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
    """By address, or by username, so that two requests with the same ones wait for each other
    and never both.

    Rows that want the same address or username keep their order: the first one gets it.
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
