"""Who is calling, as a verified access token and the state of its session tell."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from gatepost.client.callers import never_injected, schema_of_caller


@never_injected
@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `method` and `authenticated_at` say how and when they proved who they are.

    Code constructs one, and validation never does: pydantic refuses whatever is not one already.
    """

    user_id: int
    session_id: int
    role: str
    method: str
    authenticated_at: datetime
    by_cookie: bool = False

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return schema_of_caller(cls, source, handler)
