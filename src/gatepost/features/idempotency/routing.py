"""Makes routes idempotent for requests with an `Idempotency-Key`: a route class and a dependency.

Use `APIRouter(route_class=IdempotentRoute)`, and `dependencies=[IdempotentPerCaller]` on each route
that creates or changes something. Do not use it for routes that return tokens.
"""

import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import WithJsonSchema
from sqlalchemy.exc import DBAPIError

from gatepost.errors import Problem
from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.idempotency import service as idempotency
from gatepost.features.idempotency.errors import IdempotencyKeyInvalid, IdempotencyKeyReused
from gatepost.features.idempotency.metrics import REPLAYS
from gatepost.features.idempotency.service import Answer, Attempt
from gatepost.features.idempotency.state import IdempotencyState
from gatepost.holding import expect_no_transaction
from gatepost.web.dependencies import RequestWork
from gatepost.web.routing import Handler, StrictRoute
from gatepost.work import Work

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

_ANONYMOUS = "nobody"
_STORED_HEADERS = frozenset({"content-type", "etag", "last-modified", "location"})
_SCOPE_KEY = "gatepost.idempotency"

# A string of structured fields (RFC 8941 section 3.3.3), as in the draft of the header; or the same
# without quotes, as most clients send it.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_BARE = re.compile(r"[!#-\[\]-~]{1,255}")
_ESCAPED = re.compile(r'\\(["\\])')
_SCHEMA = {
    "type": "string",
    "pattern": f"^({_BARE.pattern}|{_QUOTED.pattern})$",
    "minLength": 1,
    "maxLength": 512,
}


@dataclass(slots=True)
class _KeyedRequest:
    """A request with an idempotency key; its work and attempt are set once the caller is known.

    `locks` are released after the answer is stored.
    """

    locks: AsyncExitStack
    started: tuple[Work, Attempt] | None = field(default=None)


class _AlreadyAnswered(Exception):  # noqa: N818 - never leaves this module
    """Stops a request that has a stored answer before the route runs."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class IdempotentRoute(StrictRoute):
    """Returns the stored answer to a repeated request, and stores the answer to a new one.

    The answer is stored in the transaction of the route itself. Only successes are stored: a
    refusal changed nothing, and may be different next time.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if not any(each.dependency in {once, once_per_caller} for each in self.dependencies):
            return handle

        async def handle_once(request: Request) -> Response:
            if HEADER not in request.headers:
                return await handle(request)
            async with AsyncExitStack() as locks:
                keyed = request.scope[_SCOPE_KEY] = _KeyedRequest(locks)
                return await _handle_keyed(handle, request, keyed)

        return handle_once


_Documented = Annotated[
    str | None,
    WithJsonSchema(_SCHEMA),
    Header(
        alias=HEADER,
        description="A new one for each thing to be done, such as a UUID, at most 255 characters. "
        "Sent again with the same body within 24 hours, it gets the same answer, and nothing is "
        "done again.",
        # Only documented: `read_key` checks it, with a better message. Includes quotes and escapes.
        json_schema_extra={"maxLength": 512},
    ),
]


async def once_per_caller(
    request: Request, work: RequestWork, principal: CurrentPrincipal, _: _Documented = None
) -> None:
    """Make the route idempotent: each key of the caller is executed once."""
    await _find_or_start(request, work, f"user {principal.user_id}")


async def once(request: Request, work: RequestWork, _: _Documented = None) -> None:
    """Make the route idempotent without a login: all clients count as one caller.

    Any client that sends the same key and the same body, password included, gets the answer.
    """
    await _find_or_start(request, work, _ANONYMOUS)


IdempotentPerCaller = Depends(once_per_caller, scope="function")
Idempotent = Depends(once, scope="function")


def read_key(values: Sequence[str]) -> str:
    """The key in a header's values; raises `IdempotencyKeyInvalid`."""
    if len(values) == 1:
        if quoted := _QUOTED.fullmatch(values[0]):
            return _ESCAPED.sub(r"\1", quoted[1])
        if _BARE.fullmatch(values[0]):
            return values[0]
    raise IdempotencyKeyInvalid(
        "Send one key of 1 to 255 visible ASCII characters, plain or in quotes (RFC 8941)."
    )


async def _find_or_start(request: Request, work: Work, caller: str) -> None:
    """Look for a stored answer, under a lock that this process has for each attempt.

    Raises `_AlreadyAnswered` if there is one, else returns, and the route runs.
    """
    keyed: _KeyedRequest | None = request.scope.get(_SCOPE_KEY)
    if keyed is None:
        return
    key = read_key(request.headers.getlist(HEADER))
    attempt = idempotency.identify(
        work.runtime,
        (caller, request.method, request.scope["path"], key),
        (
            request.headers.get("content-type", "").encode("latin-1"),
            request.scope["query_string"],
            await request.body(),
        ),
    )
    expect_no_transaction("a turn")
    lock = work.runtime.state(IdempotencyState).lock_of(attempt.name)
    await keyed.locks.enter_async_context(lock)
    keyed.started = (work, attempt)
    work.keep_in_one_transaction()  # the change commits together with the answer
    answer = await idempotency.find(work, attempt)
    await work.commit_and_release()  # the route may hash a password or wait for the store
    if answer is not None:
        raise _AlreadyAnswered(answer)


async def _handle_keyed(handle: Handler, request: Request, keyed: _KeyedRequest) -> Response:
    try:
        response = await handle(request)
        return await _store(keyed, response)
    except _AlreadyAnswered as replay:
        return _replayed(keyed, replay.answer)
    except (Problem, DBAPIError) as refusal:
        answer = await _concurrent_answer(keyed, refusal)
        if answer is None:
            raise
        return _replayed(keyed, answer)


async def _store(keyed: _KeyedRequest, response: Response) -> Response:
    """Store the answer and commit; if a concurrent request was first, return its answer."""
    if keyed.started is None or response.status_code >= 300:
        return response
    work, attempt = keyed.started
    first = await idempotency.keep(work, attempt, _to_store(response))
    return response if first is None else _replayed(keyed, first)


async def _concurrent_answer(keyed: _KeyedRequest, refusal: Problem | DBAPIError) -> Answer | None:
    """The answer of a concurrent request with the same key, which may have caused the refusal.

    For example, the address may be taken because that request has just registered it.
    """
    if keyed.started is None or isinstance(refusal, IdempotencyKeyReused):
        return None
    work, attempt = keyed.started
    if isinstance(refusal, Problem) and refusal.keeps_writes:
        await work.commit_and_release()
    else:
        await work.rollback_and_release()
    return await idempotency.find(work, attempt)


def _to_store(response: Response) -> Answer:
    headers = ((name, value) for name, value in response.headers.items() if name in _STORED_HEADERS)
    return Answer(response.status_code, tuple(headers), bytes(response.body))


def _replayed(keyed: _KeyedRequest, answer: Answer) -> Response:
    if keyed.started is not None:
        keyed.started[0].runtime.metrics.count(REPLAYS)
    return _response(answer)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**dict(answer.headers), REPLAYED: "true"})
