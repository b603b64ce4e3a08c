"""The `Link` header of a list's next page (RFC 8288)."""

from typing import Any

from fastapi import Request, Response

from gatepost.db.paging import Page


def link_next_page(request: Request, response: Response, page: Page[Any]) -> None:
    """Name the next page, if there is one, relative to this host and with the same filters."""
    if page.next_cursor is None:
        return
    url = request.url.include_query_params(cursor=page.next_cursor)
    # Only path and query: the host in the request is the client's word.
    response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
