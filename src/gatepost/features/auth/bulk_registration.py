"""Making many accounts, each of which may fail alone."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from pydantic import ValidationError

from gatepost.errors import Problem, ValidationFailed
from gatepost.features.accounts import service as accounts
from gatepost.features.accounts.identity import canonical_email, canonical_username
from gatepost.features.accounts.models import User
from gatepost.features.accounts.service import NewUser
from gatepost.features.auth.registration import prepare, refuse_if_closed
from gatepost.features.auth.schemas import Registration
from gatepost.features.callers.principal import Principal
from gatepost.security.password_policy import WeakPassword
from gatepost.work import Work

_TRIES_BY_ADDRESS = 4
"""Of so many tries the first goes by address, the others by username."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that did not become an account, and why."""

    index: int
    email: str | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """Both in the order of the request."""

    created: Sequence[User]
    refused: Sequence[Refused]


async def register_many(
    work: Work, rows: Sequence[object], registrar: Principal | None = None
) -> BulkOutcome:
    """Make as many accounts as can be.

    Raises `RegistrationClosed`; and `ServerBusy`, before any account is made. All passwords are
    hashed first, so that the accounts are written in one short transaction.
    """
    actor_id = refuse_if_closed(work, registrar)
    await work.commit_and_release()
    prepared = await _prepare_all(work, rows)
    tries = count()
    outcomes = await work.write(_create_all, prepared, tries, actor_id)
    return BulkOutcome(
        created=[made for _, made in sorted(outcomes.items()) if isinstance(made, User)],
        refused=[
            Refused(index, _address_in(rows[index]), problem)
            for index, problem in sorted(outcomes.items())
            if isinstance(problem, Problem)
        ],
    )


async def _prepare_all(work: Work, rows: Sequence[object]) -> list[NewUser | Problem]:
    """Hash a core's worth at a time, so that other logins find room in the pool."""
    prepared: list[NewUser | Problem] = []
    for start in range(0, len(rows), work.runtime.hash_pool.threads):
        some = rows[start : start + work.runtime.hash_pool.threads]
        prepared += await asyncio.gather(*(_prepare(work, row) for row in some))
    return prepared


async def _prepare(work: Work, row: object) -> NewUser | Problem:
    try:
        return await prepare(work, Registration.model_validate(row))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part in Registration.model_fields)
        return ValidationFailed(f"{place}: {first['msg']}" if place else first["msg"])
    except ValidationFailed as failed:
        return ValidationFailed(f"email: {failed.extensions['errors'][0]['msg']}")
    except WeakPassword as weak:
        return WeakPassword(" ".join(unmet["msg"] for unmet in weak.extensions["errors"]))


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


def _address_in(row: object) -> str | None:
    """The row's address to name it by, where it has one that can be written down."""
    address = row.get("email") if isinstance(row, dict) else None
    if not isinstance(address, str) or not address.isprintable():
        return None
    return address[:320]
