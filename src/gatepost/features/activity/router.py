"""Lists the audit log: all events for admins, and their own events for users."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gatepost.client.ids import LARGEST_ID
from gatepost.features.activity.dependencies import RequestedEvents
from gatepost.features.activity.schemas import ActivityRead, AuditEventRead
from gatepost.features.audit import service as audit
from gatepost.features.callers.dependencies import AdminPrincipal, CurrentPrincipal
from gatepost.features.callers.errors import PermissionDenied
from gatepost.web.dependencies import RequestedPage, RequestWork
from gatepost.web.pages import link_next_page
from gatepost.web.problems import problems
from gatepost.web.routing import StrictRoute

router = APIRouter(tags=["activity"], route_class=StrictRoute)


@router.get("/audit", responses=problems(PermissionDenied))
async def list_audit_events(
    work: RequestWork,
    _: AdminPrincipal,
    request: Request,
    response: Response,
    page: RequestedPage,
    wanted: RequestedEvents,
    user_id: Annotated[
        int | None, Query(ge=1, le=LARGEST_ID, description="The user whom it concerns.")
    ] = None,
) -> list[AuditEventRead]:
    """A page of the audit log, the newest first; the next page is in the `Link` header."""
    about = replace(wanted, user_id=user_id)
    found = await work.read_list(audit.list_events, about, page)
    link_next_page(request, response, found)
    return [AuditEventRead.model_validate(event) for event in found.rows]


@router.get("/users/me/activity")
async def list_my_activity(
    work: RequestWork,
    principal: CurrentPrincipal,
    request: Request,
    response: Response,
    page: RequestedPage,
    wanted: RequestedEvents,
) -> list[ActivityRead]:
    """A page of the caller's own events, the newest first; the next is in the `Link` header."""
    about = replace(wanted, user_id=principal.user_id)
    found = await work.read_list(audit.list_events, about, page)
    link_next_page(request, response, found)
    return [ActivityRead.of(event) for event in found.rows]
