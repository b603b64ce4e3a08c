"""The `Link` header of a list's next page (RFC 8288)."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from gatepost.db.paging import Page
from gatepost.web.addresses import path_of


def link_next_page(request: Request, response: Response, page: Page[Any]) -> None:
    """Name the next page, if there is one, relative to this host and with the same filters."""
    if page.next_cursor is None:
        return
    # As it was read: a query of raw bytes has another reading as UTF-8, or none.
    query = urlencode({**request.query_params, "cursor": page.next_cursor})
    # Only path and query: the host in the request is the client's word.
    response.headers["Link"] = f'<{path_of(request)}?{query}>; rel="next"'
