"""The caller of a request, as a verified credential says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from gatepost.client.callers import never_injected, schema_of_caller


class CallerKind(StrEnum):
    """A person, a program of the team's, or an OAuth client that acts for itself."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    CLIENT = "client"


@never_injected
@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request.

    `user_id` is the account that it acts as: a service account and a client have one, too.
    `session_id` is None for a credential that belongs to no session. `method` is how the caller was
    authenticated, such as `password`, `auth_time` when, `amr` by which methods (RFC 8176) and `acr`
    how surely; a credential that proves nothing but itself has neither `auth_time` nor `amr`.
    `scopes` limit what the role allows; None is no limit. `client_id` is the OAuth client that the
    credential was issued to. `by_cookie` is True for one that a browser sent by itself.

    Code constructs one; validation never does: pydantic refuses any input that is not one already.
    """

    user_id: int
    role: str = "user"
    kind: CallerKind = CallerKind.USER
    session_id: int | None = None
    client_id: str | None = None
    scopes: frozenset[str] | None = None
    method: str = "password"
    auth_time: datetime | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    by_cookie: bool = False

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return schema_of_caller(cls, source, handler)
