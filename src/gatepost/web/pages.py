"""The `Link` header of a list's next page (RFC 8288)."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from gatepost.db.paging import Page
from gatepost.web.addresses import path_of


def link_next_page(request: Request, response: Response, page: Page[Any]) -> None:
    """Add a link to the next page, if there is one, with the same filters and without a host."""
    if page.next_cursor is None:
        return
    # The parsed query is encoded anew: the raw one may have bytes that are not UTF-8.
    query = urlencode({**request.query_params, "cursor": page.next_cursor})
    # Path and query only: a request's `Host` is not to be trusted.
    response.headers["Link"] = f'<{path_of(request)}?{query}>; rel="next"'
