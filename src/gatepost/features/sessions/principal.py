"""Who is calling, as a verified access token and the state of its session tell."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `method` and `authenticated_at` say how and when they proved who they are."""

    user_id: int
    session_id: int
    role: str
    method: str
    authenticated_at: datetime
    by_cookie: bool = False
