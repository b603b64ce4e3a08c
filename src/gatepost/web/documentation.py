"""The OpenAPI document, and two viewers of it that load nothing from any other host."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gatepost.errors import NotFound
from gatepost.runtime import Runtime
from gatepost.web.addresses import mount_of
from gatepost.web.dependencies import get_runtime
from gatepost.web.html import page, render
from gatepost.web.openapi import at_mount
from gatepost.web.routing import BoundedRoute
from gatepost.web.static_files import static_address

DOCUMENT = "/openapi.json"
"""The document's path, served with the API's prefix and without it."""

_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SWAGGER_UI_POLICY = f"{_POLICY}; style-src 'self'"

# The hashes are those of Redoc's two style elements: a fixed one for scroll bars, and an empty one
# that it fills through the CSSOM, which no policy blocks. Its search is a worker from a blob.
REDOC_POLICY = (
    f"{_POLICY}; style-src 'self' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc=' "
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; worker-src blob:"
)


async def _get_documented(runtime: Annotated[Runtime, Depends(get_runtime)]) -> Runtime:
    """The runtime; raises `NotFound` if `DOCS_ENABLED` is false."""
    if not runtime.settings.service.docs_enabled:
        raise NotFound
    return runtime


Documented = Annotated[Runtime, Depends(_get_documented)]

router = APIRouter(include_in_schema=False, route_class=BoundedRoute)
document_router = APIRouter(include_in_schema=False, route_class=BoundedRoute)


@router.get("/docs")
async def swagger_ui(request: Request, runtime: Documented) -> HTMLResponse:
    """Swagger UI: try the API by hand; Authorize logs in."""
    mount = mount_of(request.scope)
    content = render(
        "swagger_ui",
        title=runtime.settings.service.project_name,
        document=document_address(mount, runtime),
        icon=static_address(mount, "icon.svg"),
        style=static_address(mount, "swagger-ui.css"),
        own_style=static_address(mount, "viewer.css"),
        script=static_address(mount, "swagger-ui-bundle.js"),
        start=static_address(mount, "swagger_ui_start.js"),
    )
    return page(content, SWAGGER_UI_POLICY)


@router.get("/redoc")
async def redoc(request: Request, runtime: Documented) -> HTMLResponse:
    """Redoc: read the API."""
    mount = mount_of(request.scope)
    content = render(
        "redoc",
        title=runtime.settings.service.project_name,
        document=document_address(mount, runtime),
        icon=static_address(mount, "icon.svg"),
        own_style=static_address(mount, "viewer.css"),
        script=static_address(mount, "redoc.standalone.js"),
        start=static_address(mount, "redoc_start.js"),
    )
    return page(content, REDOC_POLICY)


@document_router.get(DOCUMENT)
async def openapi_document(request: Request, _: Documented) -> JSONResponse:
    """The OpenAPI document, with the addresses below the path at which the service is mounted."""
    return JSONResponse(at_mount(request.app.openapi(), mount_of(request.scope)))


def document_address(mount: str, runtime: Runtime) -> str:
    return f"{mount}{runtime.settings.service.api_v1_str}{DOCUMENT}"
