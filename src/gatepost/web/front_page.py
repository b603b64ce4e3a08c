"""The front page: the service's name, version and links, as HTML or as JSON."""

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gatepost.settings import CoreSettings
from gatepost.web.addresses import mount_of
from gatepost.web.dependencies import CurrentRuntime
from gatepost.web.html import Markup, page, render
from gatepost.web.interface import Link
from gatepost.web.routing import BoundedRoute
from gatepost.web.static_files import static_address

POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_VARIES = {"Vary": "Accept"}
_LONGEST_ACCEPT = 1024

router = APIRouter(tags=["service"], route_class=BoundedRoute)


class ServiceInformation(BaseModel):
    """What this service is, and where its parts are."""

    name: str
    version: str
    links: dict[str, str] = Field(
        description="Paths on this host, such as `health` and, where they are served, `docs`, "
        "`redoc` and `openapi`.",
        examples=[{"health": "/health", "docs": "/docs"}],
    )


@router.get(
    "/",
    response_model=ServiceInformation,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def front_page(request: Request, runtime: CurrentRuntime) -> Response:
    """Name, version and links; a page for a client that asks for HTML first, as browsers do."""
    settings = runtime.settings
    mount = mount_of(request.scope)
    links = _links(settings, request.app.state.links)
    if prefers_html(request.headers.get("accept", "")):
        return page(_content(settings, mount, links), POLICY, **_VARIES)
    information = ServiceInformation(
        name=settings.service.project_name,
        version=settings.service.version,
        links={link.name: mount + link.path for link in links},
    )
    return JSONResponse(information.model_dump(), headers=_VARIES)


def prefers_html(accept: str) -> bool:
    """Whether an `Accept` header (RFC 9110 section 12.5.1) prefers HTML to JSON.

    A header that is longer than any browser's is ignored.
    """
    if len(accept) > _LONGEST_ACCEPT:
        return False
    weights = dict(map(_weight, accept.lower().split(",")))
    html = weights.get("text/html", 0.0)
    return html > 0 and html > weights.get("application/json", 0.0)


def _weight(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in media_range.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            return name, _number(parameter.removeprefix("q="))
    return name, 1.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _links(settings: CoreSettings, of_features: Iterable[Link]) -> list[Link]:
    documentation = [
        Link("docs", "/docs", "Try the API", "Swagger UI: log in and send requests by hand."),
        Link("redoc", "/redoc", "Read the API", "Redoc: every route, field and refusal."),
        Link(
            "openapi",
            f"{settings.service.api_v1_str}/openapi.json",
            "OpenAPI document",
            "For generators of clients.",
        ),
    ]
    always = [
        Link("health", "/health", "Health", "Whether the service and its database work."),
        *of_features,
    ]
    return documentation + always if settings.service.docs_enabled else always


def _content(settings: CoreSettings, mount: str, links: list[Link]) -> Markup:
    return render(
        "front_page",
        title=settings.service.project_name,
        version=settings.service.version,
        icon=static_address(mount, "icon.svg"),
        style=static_address(mount, "front_page.css"),
        links=Markup("".join(_entry(mount, link) for link in links)),
    )


def _entry(mount: str, link: Link) -> Markup:
    return render(
        "front_page_link",
        address=mount + link.path,
        title=link.title,
        explanation=link.explanation,
    )
