"""Dependencies of routes that belong to no feature: runtime, transaction, page and ids."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Path, Query, Request
from starlette.types import Scope

from gatepost.client.ids import LARGEST_ID
from gatepost.db.paging import PageRequest
from gatepost.runtime import Runtime
from gatepost.settings import ProtectionSettings
from gatepost.text import without_unprintable
from gatepost.web.client_address import client_address
from gatepost.web.csrf import SAFE_METHODS
from gatepost.web.headers import first
from gatepost.web.problems import request_id_of
from gatepost.web.runtimes import runtime_of
from gatepost.work import Origin, Work, begin_work

_LONGEST_USER_AGENT = 255


async def get_runtime(request: Request) -> Runtime:
    """The runtime of the application that serves this request, ours or the host's."""
    return runtime_of(request.scope)


def origin_of(scope: Scope, settings: ProtectionSettings) -> Origin:
    """The origin of a request: its id, client address and user agent. Works in hosts, too."""
    return Origin(
        request_id=request_id_of(scope) or uuid4().hex,
        address=client_address(scope, settings.trusted_proxies),
        user_agent=_user_agent(scope),
    )


def _user_agent(scope: Scope) -> str | None:
    """The user agent as it is stored and shown, without unprintable characters."""
    sent = first(scope, b"user-agent") or b""
    return without_unprintable(sent[:_LONGEST_USER_AGENT].decode("latin-1")) or None


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]


async def open_work(request: Request) -> AsyncIterator[Work]:
    # No sub-dependencies: FastAPI would solve each of them for every request.
    runtime = runtime_of(request.scope)
    origin = origin_of(request.scope, runtime.settings.protection)
    async with begin_work(runtime, origin, writes=request.method not in SAFE_METHODS) as work:
        yield work


# The "function" scope commits before the response is sent. With the default scope the client would
# already have got a success when the commit fails.
RequestWork = Annotated[Work, Depends(open_work, scope="function")]


async def get_page_request(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(max_length=2048, description="From the `Link` header of the page before."),
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor)


RequestedPage = Annotated[PageRequest, Depends(get_page_request)]

RowId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
"""An id in a path."""
