"""Serves the styles, scripts and images of our pages, which need no other host for them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from gatepost.errors import NotFound
from gatepost.web.routing import BoundedRoute

_FOLDER = Path(__file__).with_name("static")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Accept-Ranges": "none"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file below `static/`, and its media type."""

    path: str
    media_type: str


# A closed list: no other name is looked up in the file system.
FILES: Mapping[str, StaticFile] = {
    "front_page.css": StaticFile("front_page.css", "text/css"),
    "icon.svg": StaticFile("icon.svg", "image/svg+xml"),
    "redoc.standalone.js": StaticFile("redoc/redoc.standalone.js", "text/javascript"),
    "redoc_start.js": StaticFile("redoc_start.js", "text/javascript"),
    "swagger-ui-bundle.js": StaticFile("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": StaticFile("swagger-ui/swagger-ui.css", "text/css"),
    "swagger_ui_start.js": StaticFile("swagger_ui_start.js", "text/javascript"),
    "viewer.css": StaticFile("viewer.css", "text/css"),
}


class _WholeFile(FileResponse):
    """Answers with the whole file and ignores `Range` (RFC 9110 section 14.2)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [field for field in scope["headers"] if field[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


router = APIRouter(include_in_schema=False, route_class=BoundedRoute)


@router.get("/static/{digest}/{name}")
async def static_file(digest: str, name: str) -> FileResponse:
    """One of `FILES`, cacheable forever: changed content has another address."""
    if name not in FILES or digest != _digest(name):
        raise NotFound
    file = FILES[name]
    return _WholeFile(_FOLDER / file.path, media_type=file.media_type, headers=_FOREVER)


def static_address(mount: str, name: str) -> str:
    """The address of one of `FILES` in a service that is mounted at `mount`."""
    return f"{mount}/static/{_digest(name)}/{name}"


@cache
def _digest(name: str) -> str:
    """Twelve hexadecimal digits of the content's SHA-256."""
    return hashlib.sha256((_FOLDER / FILES[name].path).read_bytes()).hexdigest()[:12]
