"""The paths of the service as the client of a request sees them; every link is made from these."""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from fastapi import Request
from starlette.types import Scope

_KEPT_IN_PATHS = "/!$&'()*+,;=:@"
"""Characters that need no escape in a path (RFC 3986 section 3.3), beside letters and digits."""

# A server's root path may be percent-encoded already.
_ENCODED_ALREADY = "/%"


class WholePath:
    """Normalizes a request's scope to the ASGI form, in which `path` begins with `root_path`.

    Servers, proxies and applications that we are mounted in leave the root path out of `path`,
    repeat it there, or set none. `root_path` is the configured one, used if the server sets none.
    """

    def __init__(self, root_path: str) -> None:
        self._configured = root_path
        self._segments: frozenset[str] | None = None

    def of(self, scope: Scope) -> Scope:
        """The scope itself if it is in that form, else a corrected copy."""
        root: str = scope.get("root_path", "")
        if not root and not self._configured:
            return scope
        # The server's root path, without the mounts of applications that we are mounted in.
        top: str = scope.get("app_root_path", root) or self._configured
        below = root.removeprefix(scope.get("app_root_path", root))
        if below:
            if not top and scope["path"].startswith(f"{root}/"):
                return scope  # as in nearly every host
            own = _after(_after(scope["path"], top), below)
        else:
            own = self._find_own_path(scope, top)
        mount = _clean(top) + below
        path = mount + (own or "/")
        if root == mount and scope["path"] == path:
            return scope
        return {**scope, "root_path": mount, "path": path}

    def _find_own_path(self, scope: Scope, top: str) -> str:
        """The path after the root path, whose number of repetitions our routes decide."""
        path: str = scope["path"]
        rest = _after(path, top)
        if rest == path or _first_segment(rest) in self._first_segments(scope):
            return rest
        if _first_segment(path) in self._first_segments(scope):
            return path
        return _after(rest, top)

    def _first_segments(self, scope: Scope) -> frozenset[str]:
        if self._segments is None:
            paths = (getattr(route, "path", "/") for route in scope["app"].routes)
            self._segments = frozenset(map(_first_segment, paths))
        return self._segments


def mount_of(scope: Scope) -> str:
    """The path below which the service answers, as it is written in a URL: `""` at the root.

    Links that start with it need no host; a request's `Host` is not to be trusted.
    """
    return _encode(scope.get("root_path", ""))


def own_path(scope: Scope) -> str:
    """The path after the mount, with which routes are matched."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def path_of(request: Request) -> str:
    """The path that the client requested, percent-encoded for use in a header.

    `request.url` cannot be used: it fails if the query has bytes that are not UTF-8.
    """
    return mount_of(request.scope) + quote(own_path(request.scope), safe=_KEPT_IN_PATHS)


def auth_folders(scope: Scope) -> Sequence[str]:
    """The folders in which a client may refresh and log out, the one of this request first.

    As they are written in a URL: the paths of refresh cookies.
    """
    folders: Sequence[str] = scope["app"].state.auth_folders
    own = own_path(scope)
    asked = next((each for each in folders if own.startswith(f"{each}/")), folders[-1])
    others = (each for each in folders if each != asked)
    mount = mount_of(scope)
    return [mount + each or "/" for each in (asked, *others)]


def _after(path: str, root: str) -> str:
    """The path without this root path, with or without slashes; unchanged if it has none."""
    for each in (root, _clean(root)):
        rest = path.removeprefix(each)
        if rest != path and (not rest or rest.startswith("/")):
            return rest
    return path


def _clean(root: str) -> str:
    """A root path with one slash before it and none after; empty for the root itself."""
    bare = root.strip("/")
    return f"/{bare}" if bare else ""


def _first_segment(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


@lru_cache(maxsize=256)
def _encode(root: str) -> str:
    return quote(_clean(root), safe=_ENCODED_ALREADY)
