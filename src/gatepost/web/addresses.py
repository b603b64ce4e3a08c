"""Where the service is mounted, as the client of this request sees it, and what is below that."""

from urllib.parse import quote

from fastapi import Request
from starlette.types import Scope

_KEPT_IN_PATHS = "/!$&'()*+,;=:@"
"""Characters that a path may have as they are (RFC 3986 section 3.3), beside letters and digits."""


def mount_of(request: Request, own_path: str) -> str:
    """The path before `own_path`, which the answering route has in the service: `""` at the root.

    Holds for a service that is mounted, included under a prefix, or behind a proxy that cuts one
    off. Links that start with it need no host, which in the request is only the client's word.
    """
    root: str = request.scope.get("root_path", "").rstrip("/")
    path: str = request.scope["path"]
    # Servers differ in whether the path repeats the root path that they were given.
    if path == root or path.startswith(f"{root}/"):
        path = path.removeprefix(root)
    return root + path.removesuffix(own_path)


def route_path(scope: Scope) -> str:
    """The path that routes are matched with: what comes after the mount, as the framework reads it.

    As it is where the server does not repeat the root path that it was given.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def path_of(request: Request) -> str:
    """The request's own path in ASCII, escaped, to be sent in a header.

    `request.url` cannot be asked: it fails where the query has bytes that are not UTF-8.
    """
    return quote(request.scope["path"], safe=_KEPT_IN_PATHS)
