"""The caller's devices: list them, and log them out."""

from fastapi import APIRouter, Request, Response, status

from gatepost.features.callers.dependencies import CurrentPrincipal
from gatepost.features.sessions import service as sessions
from gatepost.features.sessions.errors import SessionNotFound
from gatepost.features.sessions.schemas import SessionRead
from gatepost.web.dependencies import RequestedPage, RequestWork, RowId
from gatepost.web.pages import link_next_page
from gatepost.web.problems import problems
from gatepost.web.routing import StrictRoute

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=StrictRoute)


@router.get("")
async def list_sessions(
    work: RequestWork,
    principal: CurrentPrincipal,
    request: Request,
    response: Response,
    page: RequestedPage,
) -> list[SessionRead]:
    """A page of the caller's sessions, the oldest first; the next page is in the `Link` header."""
    found = await sessions.list_of_user(work, principal.user_id, page)
    link_next_page(request, response, found)
    return [
        SessionRead(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.renewed_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
            is_current=session.id == principal.session_id,
        )
        for session in found.rows
    ]


@router.delete(
    "/{session_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(SessionNotFound),
)
async def end_session(
    work: RequestWork,
    principal: CurrentPrincipal,
    session_id: RowId,
) -> None:
    """Log a device out: its tokens are refused from the next request on."""
    await work.write(sessions.end_one, principal.user_id, session_id)
