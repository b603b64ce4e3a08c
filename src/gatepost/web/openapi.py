"""Describes the API as an OpenAPI 3.1 document: what each operation takes, gives and refuses."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gatepost.errors import Problem, ValidationFailed
from gatepost.settings import CoreSettings
from gatepost.web.cookies import ACCESS_COOKIE
from gatepost.web.csrf import SAFE_METHODS, CsrfRejected
from gatepost.web.fastapi_parts import api_routes
from gatepost.web.interface import Interface, RequestHeader, Tag
from gatepost.web.middleware.body_limit import PayloadTooLarge, RequestTimeout
from gatepost.web.middleware.content_type import UnsupportedMediaType
from gatepost.web.middleware.rate_limit import is_exempt
from gatepost.web.problems import (
    MEDIA_TYPE,
    BadRequest,
    DatabaseUnavailable,
    InternalError,
    ProblemDetails,
    example_document,
    problem_kinds,
    problems,
)
from gatepost.web.rate_limits import RateLimited

Operation = dict[str, Any]

SERVICE_TAG = "service"
"""The tag of the operations about the service itself, which do not need the database."""

DESCRIPTION = """\
Accounts, logins and sessions.

**Authorize** logs in with an email address or a username, and a password; programs send the access
token as `Authorization: Bearer ...`, browsers may use the cookies that a login sets.

Every refusal is a problem document (RFC 9457, `application/problem+json`) with a stable `code`.
Lists are pages: the next one is in the `Link` header (RFC 8288). `HEAD` is answered wherever `GET`
is. Times are UTC.
"""

SERVICE = Tag(SERVICE_TAG, "The service itself: what it is, and whether it works.", place=90)

COOKIE_SCHEME = "AccessCookie"
ACCESS_BY_COOKIE: Mapping[str, str] = {
    "type": "apiKey",
    "in": "cookie",
    "name": ACCESS_COOKIE,
    "description": "The cookie that a login sets. A browser sends it by itself.",
}

_PASSWORD_SCHEME = "OAuth2PasswordBearer"  # noqa: S105 - FastAPI's name for the scheme
_WHERE_CLOSED = "x-for-admins-where-closed"

FOR_ADMINS_WHERE_CLOSED = {_WHERE_CLOSED: True}
"""The `openapi_extra=` of a route that only admins may use while registration is closed."""

_HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "Names this request in the logs; the client's own, if it sent a sane one.",
        "required": True,
        "schema": {"type": "string", "maxLength": 128},
    },
    "Link": {
        "description": 'The next page, as `<...>; rel="next"`; absent on the last (RFC 8288).',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit": {
        "description": "What is left of each limit (`r`), and the seconds until it is renewed "
        "(`t`): draft-ietf-httpapi-ratelimit-headers.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "Each limit: so many (`q`) in any window of so many seconds (`w`).",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
}

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_STOCK_SCHEMAS = ("HTTPValidationError", "ValidationError")
_FIELD_ERROR: dict[str, Any] = {
    "loc": ["body", "title"],
    "msg": "Field required",
    "type": "missing",
}
_CODE = re.compile(r"`(\w+)`: ")


def describe(app: FastAPI, settings: CoreSettings, interface: Interface) -> None:
    """Replace `app.openapi` by our OpenAPI document, which is made when it is first requested."""
    app.openapi = partial(_cached, app, settings, interface)  # type: ignore[method-assign] # FastAPI's own way


def at_mount(document: dict[str, Any], mount: str) -> dict[str, Any]:
    """The document of a service that is mounted at the path `mount`."""
    if not mount:
        return document
    schemes = {
        name: _at_mount(scheme, mount)
        for name, scheme in document["components"].get("securitySchemes", {}).items()
    }
    components = {**document["components"], "securitySchemes": schemes}
    return {**document, "servers": [{"url": mount}], "components": components}


def _at_mount(scheme: dict[str, Any], mount: str) -> dict[str, Any]:
    if "password" not in scheme.get("flows", {}):
        return scheme
    flow = scheme["flows"]["password"]
    return {**scheme, "flows": {"password": {**flow, "tokenUrl": mount + flow["tokenUrl"]}}}


def _cached(app: FastAPI, settings: CoreSettings, interface: Interface) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _describe(app, settings, interface)
    return app.openapi_schema


def _describe(app: FastAPI, settings: CoreSettings, interface: Interface) -> dict[str, Any]:
    document = get_openapi(
        title=settings.service.project_name,
        version=settings.service.version,
        description=DESCRIPTION,
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    _describe_schemas(components.setdefault("schemas", {}))
    components["headers"] = {**_HEADERS, **_answers(interface.request_headers)}
    components["examples"] = _problem_examples()
    _describe_authentication(components.get("securitySchemes", {}), settings, interface.login_path)
    names = _operation_names(app)
    for path, method, operation in _operations(document):
        operation["operationId"] = names[path, method]
        operation["summary"] = operation["summary"].capitalize()
        _describe_security(operation, settings)
        if not is_exempt(path):
            _add_refusals(operation, [RateLimited])
        _describe_refusals(operation, method, settings)
        if "security" in operation:
            _add_refusals(operation, interface.caller_refusals)
        sent = [each for each in interface.request_headers if _takes(operation, each)]
        _add_refusals(operation, (kind for each in sent for kind in each.refusals))
        _describe_answers(operation, sent)
        _show_refusals(operation, components["examples"])
    used = {tag for _, _, operation in _operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [
        {"name": each.name, "description": each.description}
        for each in sorted((*interface.tags, SERVICE), key=lambda tag: tag.place)
        if each.name in used
    ]
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _describe_schemas(schemas: dict[str, Any]) -> None:
    for name in _STOCK_SCHEMAS:
        schemas.pop(name, None)
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["ProblemDetails"] = problem


def _describe_authentication(
    schemes: dict[str, Any], settings: CoreSettings, login_path: str
) -> None:
    for name, scheme in list(schemes.items()):
        if "bearer" not in settings.transports.auth_transports:
            del schemes[name]
        elif "password" in scheme.get("flows", {}):
            scheme["flows"]["password"]["tokenUrl"] = f"{settings.service.api_v1_str}{login_path}"
            scheme["description"] = "Logs in, and sends the access token as a bearer token."
    if "cookie" in settings.transports.auth_transports:
        schemes[COOKIE_SCHEME] = {**ACCESS_BY_COOKIE}


def _operation_names(app: FastAPI) -> dict[tuple[str, str], str]:
    """The operation ids: the function's name, prefixed by the tag if several share it."""
    named = {
        (str(context.path_format), method.lower()): (str(context.name), context.tags)
        for context in api_routes(app)
        if context.include_in_schema
        for method in context.methods or ()
    }
    uses = Counter(name for name, _ in named.values())
    return {
        place: name if uses[name] == 1 else "_".join([*map(str, tags[:1]), name])
        for place, (name, tags) in named.items()
    }


def _describe_security(operation: Operation, settings: CoreSettings) -> None:
    if operation.pop(_WHERE_CLOSED, False) and not settings.registration.registration_open:
        operation["security"] = [{_PASSWORD_SCHEME: []}]
    if "security" not in operation:
        return
    # Older versions of FastAPI repeat a scheme that two dependencies have.
    operation["security"] = [
        each
        for at, each in enumerate(operation["security"])
        if each not in operation["security"][:at]
    ]
    if "bearer" not in settings.transports.auth_transports:
        operation["security"] = []
    if "cookie" in settings.transports.auth_transports:
        operation["security"].append({COOKIE_SCHEME: []})


def _describe_refusals(operation: Operation, method: str, settings: CoreSettings) -> None:
    """Add the problems of every operation of this kind, which routes need not declare."""
    if _is_stock(operation["responses"].get("422", {})):
        del operation["responses"]["422"]
    _add_refusals(operation, _refusals(operation, method, settings))


def _add_refusals(operation: Operation, kinds: Iterable[type[Problem]]) -> None:
    for status, refusal in problems(*kinds).items():
        declared = operation["responses"].setdefault(str(status), refusal)
        missing = [
            part
            for part in refusal["description"].split(" / ")
            if part not in declared["description"].split(" / ")
        ]
        declared["description"] = " / ".join([declared["description"], *missing])
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _is_stock(response: dict[str, Any]) -> bool:
    return "application/json" in response.get("content", {})


def _refusals(operation: Operation, method: str, settings: CoreSettings) -> Iterator[type[Problem]]:
    yield InternalError
    if SERVICE_TAG not in operation.get("tags", ()):
        yield DatabaseUnavailable
    if "parameters" in operation or "requestBody" in operation:
        yield ValidationFailed
    if "requestBody" in operation:
        yield from (BadRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType)
    changes = "security" in operation and method.upper() not in SAFE_METHODS
    if changes and "cookie" in settings.transports.auth_transports:
        yield CsrfRejected


def _takes(operation: Operation, header: RequestHeader) -> bool:
    return any(each["name"] == header.name for each in operation.get("parameters", ()))


def _answers(headers: Iterable[RequestHeader]) -> dict[str, Any]:
    """The header fields, by name, of answers to requests that send one of these headers."""
    return {name: dict(field) for each in headers for name, field in each.answers.items()}


def _describe_answers(operation: Operation, sent: Iterable[RequestHeader]) -> None:
    is_limited = RateLimited.code in operation["responses"].get("429", {}).get("description", "")
    is_list = any(each["name"] == "cursor" for each in operation.get("parameters", ()))
    of_features = _answers(sent)
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        is_problem = MEDIA_TYPE in response.get("content", {})
        for name in _header_names(
            status, is_list=is_list, is_limited=is_limited, is_problem=is_problem
        ):
            headers[name] = {"$ref": f"#/components/headers/{name}"}
        for name in of_features if status.startswith("2") else ():
            headers[name] = {"$ref": f"#/components/headers/{name}"}
        if response["description"] == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase


def _problem_examples() -> dict[str, Any]:
    """An example document of each kind of problem."""
    examples: dict[str, Any] = {
        kind.code: {"summary": kind.title, "value": example_document(kind)}
        for kind in problem_kinds()
    }
    examples[ValidationFailed.code]["value"] |= {"errors": [_FIELD_ERROR]}
    return examples


def _show_refusals(operation: Operation, examples: dict[str, Any]) -> None:
    """Add the examples of the problems that each answer may contain."""
    for response in operation["responses"].values():
        if content := response.get("content", {}).get(MEDIA_TYPE):
            content["examples"] = {
                code: {"$ref": f"#/components/examples/{code}"}
                for code in _CODE.findall(response["description"])
                if code in examples
            }


def _header_names(
    status: str, *, is_list: bool, is_limited: bool, is_problem: bool
) -> Iterator[str]:
    yield "X-Request-ID"
    if status == "200" and is_list:
        yield "Link"
    if status == "401":
        yield "WWW-Authenticate"
    if is_limited:
        yield from ("RateLimit", "RateLimit-Policy")
    if status in {"429", "503"} and is_problem:
        yield "Retry-After"
