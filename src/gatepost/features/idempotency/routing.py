"""Makes routes idempotent for requests with an `Idempotency-Key`: a route class and a dependency.

`APIRouter(route_class=IdempotentRoute)`, and `dependencies=[IdempotentPerCaller]` on each route
that creates or changes something. Routes whose answers carry tokens go without.
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

_NOBODY = "nobody"
_KEPT_HEADERS = frozenset({"content-type", "etag", "last-modified", "location"})
_PENDING = "gatepost.idempotency"

# A string of structured fields (RFC 8941 section 3.3.3), as the header's draft has it; or the same
# without its quotes, as most clients send it.
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
class _Pending:
    """A request with a key, under way: its work and its attempt once its caller is known."""

    held: AsyncExitStack
    begun: tuple[Work, Attempt] | None = field(default=None)


class _Replay(Exception):  # noqa: N818 - never leaves this module
    """Ends a request that was answered before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class IdempotentRoute(StrictRoute):
    """Gives the stored answer to a request that comes again, and stores that of a new one.

    It stands where the answer exists and the transaction has not ended. Only successes are kept:
    a refusal changed nothing, and may be another one next time.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if not any(each.dependency in {once, once_per_caller} for each in self.dependencies):
            return handle

        async def handle_once(request: Request) -> Response:
            if HEADER not in request.headers:
                return await handle(request)
            async with AsyncExitStack() as held:
                pending = request.scope[_PENDING] = _Pending(held)
                return await _answer(handle, request, pending)

        return handle_once


_Documented = Annotated[
    str | None,
    WithJsonSchema(_SCHEMA),
    Header(
        alias=HEADER,
        description="A new one for each thing to be done, such as a UUID, at most 255 characters. "
        "Sent again with the same body within 24 hours, it gets the same answer, and nothing is "
        "done again.",
        # Judged by `read_key`, whose refusal says more; quotes and escapes count here.
        json_schema_extra={"maxLength": 512},
    ),
]


async def once_per_caller(
    request: Request, work: RequestWork, principal: CurrentPrincipal, _: _Documented = None
) -> None:
    """Do this route's work once for each key of the caller's."""
    await _begin(request, work, f"user {principal.user_id}")


async def once(request: Request, work: RequestWork, _: _Documented = None) -> None:
    """Do this route's work once for each key: those who are not logged in are one caller.

    An answer goes to whoever sends the same key and body, a password included.
    """
    await _begin(request, work, _NOBODY)


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


async def _begin(request: Request, work: Work, caller: str) -> None:
    """Answer from store if that can be; else go on, alone in this process with this attempt."""
    pending: _Pending | None = request.scope.get(_PENDING)
    if pending is None:
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
    turn = work.runtime.state(IdempotencyState).lock_of(attempt.name)
    await pending.held.enter_async_context(turn)
    pending.begun = (work, attempt)
    work.keep_in_one_transaction()  # the effect commits with the answer, or not at all
    answer = await idempotency.find(work, attempt)
    await work.commit_and_release()  # the route has yet to hash, or to ask the store
    if answer is not None:
        raise _Replay(answer)


async def _answer(handle: Handler, request: Request, pending: _Pending) -> Response:
    try:
        response = await handle(request)
        return await _keep(pending, response)
    except _Replay as replay:
        return _replayed(pending, replay.answer)
    except (Problem, DBAPIError) as refusal:
        answer = await _answer_of_another(pending, refusal)
        if answer is None:
            raise
        return _replayed(pending, answer)


async def _keep(pending: _Pending, response: Response) -> Response:
    """Store the answer and commit; another's answer, if that was first."""
    if pending.begun is None or response.status_code >= 300:
        return response
    work, attempt = pending.begun
    first = await idempotency.keep(work, attempt, _kept(response))
    return response if first is None else _replayed(pending, first)


async def _answer_of_another(pending: _Pending, refusal: Problem | DBAPIError) -> Answer | None:
    """What another process answered to the same attempt, if that is why this one was refused.

    Who loses a race may find the address taken by the one who won it.
    """
    if pending.begun is None or isinstance(refusal, IdempotencyKeyReused):
        return None
    work, attempt = pending.begun
    if isinstance(refusal, Problem) and refusal.keeps_writes:
        await work.commit_and_release()
    else:
        await work.rollback_and_release()
    return await idempotency.find(work, attempt)


def _kept(response: Response) -> Answer:
    headers = ((name, value) for name, value in response.headers.items() if name in _KEPT_HEADERS)
    return Answer(response.status_code, tuple(headers), bytes(response.body))


def _replayed(pending: _Pending, answer: Answer) -> Response:
    if pending.begun is not None:
        pending.begun[0].runtime.metrics.count(REPLAYS)
    return _response(answer)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**dict(answer.headers), REPLAYED: "true"})
