"""The caller of a request, taken from a verified credential."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from gatepost.client.callers import never_injected, schema_of_caller


class CallerKind(StrEnum):
    """A person, a service account, or an OAuth client that acts for itself."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    CLIENT = "client"


@never_injected
@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request.

    `user_id` is its account: a service account and a client have one, too. `session_id` is None for
    a credential without a session. `method` is the method of authentication, such as `password`,
    `auth_time` its time, `amr` its methods in RFC 8176, and `acr` its assurance level; a credential
    that involves no login has neither `auth_time` nor `amr`. `scopes` limit the role's permissions;
    None is no limit. `client_id` is the OAuth client that the credential was issued to. `by_cookie`
    is True if a browser sent the credential in a cookie.

    Only code constructs one: pydantic refuses any input that is not an instance already.
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
