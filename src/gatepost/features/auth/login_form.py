"""Reads a login from JSON or from the OAuth2 password form (RFC 6749 section 4.3.2)."""

from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import ValidationError

from gatepost.errors import ValidationFailed
from gatepost.features.auth.schemas import Credentials, LoginRequest
from gatepost.web.problems import field_error
from gatepost.web.request_json import read_json

Sent = TypeVar("Sent", bound=Credentials)

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 32
_MAY_BE_REPEATED = frozenset({"resource"})
"""Parameters that mean nothing to us, and that a client may send more than once."""


async def read_login(request: Request) -> LoginRequest:
    """The login in this request's body; raises `ValidationFailed`."""
    return _validated(LoginRequest, await _fields_of(request, LoginRequest))


async def read_credentials(request: Request) -> Credentials:
    """The credentials in this request's body, in either form; raises `ValidationFailed`."""
    return _validated(Credentials, await _fields_of(request, Credentials))


async def _fields_of(request: Request, model: type[Credentials]) -> object:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() == _FORM:
        return await _read_form(request, model)
    return await _read_json(request)


async def _read_form(request: Request, model: type[Credentials]) -> dict[str, object]:
    """The form's fields that the model has; ignores others, and fields without a value.

    As in RFC 6749 section 3.2 no field may occur twice, except `resource` (RFC 8707). Refuses text
    that is not UTF-8: with replacement characters, different passwords would be equal.
    """
    try:
        body = (await request.body()).decode("utf-8")
        pairs = parse_qsl(
            body, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise _invalid(
            "form_invalid", f"The body is no form in UTF-8 of at most {_MOST_FIELDS} fields."
        ) from None
    pairs = [pair for pair in pairs if pair[0] not in _MAY_BE_REPEATED]
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _invalid("form_repeated", "Give each field once (RFC 6749 section 3.2).")
    known: dict[str, object] = {
        name: value for name, value in fields.items() if value and name in model.model_fields
    }
    if grant_type := fields.get("grant_type"):
        if grant_type != "password":
            raise _invalid("grant_type", "The grant type of this form is `password`.", "grant_type")
        # A program's grant, such as the documentation's, is answered in the body: a cookie would
        # outlive it, and log in the next user of that browser.
        if "transport" in model.model_fields:
            known.setdefault("transport", "bearer")
    return known


async def _read_json(request: Request) -> object:
    body = await request.body()
    if not body:
        raise _invalid("missing", "Send credentials, as JSON or as a form.")
    return read_json(body)


def _invalid(kind: str, sentence: str, *place: str) -> ValidationFailed:
    return ValidationFailed(errors=[{"loc": ["body", *place], "msg": sentence, "type": kind}])


def _validated(model: type[Sent], fields: object) -> Sent:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise ValidationFailed(
            errors=[field_error({**each, "loc": ("body", *each["loc"])}) for each in found]
        ) from None


def either_form(model: type[Credentials]) -> dict[str, Any]:
    """The OpenAPI request body of a route that reads a login: one schema, two media types."""
    schema = model.model_json_schema()
    content = {media: {"schema": schema} for media in ("application/json", _FORM)}
    return {"requestBody": {"required": True, "content": content}}


SentLogin = Annotated[LoginRequest, Depends(read_login)]
SentCredentials = Annotated[Credentials, Depends(read_credentials)]
