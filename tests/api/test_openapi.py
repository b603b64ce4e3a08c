"""The OpenAPI document tells what every operation takes, gives and refuses."""

import copy
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import schemathesis
from pydantic import BaseModel

from gatepost.features.accounts.schemas import Message, UserRead
from gatepost.features.auth.schemas import BulkResult, TokenRead
from gatepost.features.items.schemas import ItemRead
from gatepost.features.sessions.schemas import SessionRead
from gatepost.web.openapi import at_mount
from gatepost.web.problems import problem_kinds
from tests.api.conftest import MakeService

# The document does not depend on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

Document = dict[str, Any]

# Request bodies of which nothing is known before each part of them is looked at by itself.
OPEN_SCHEMAS = {"BulkRegistration"}


@pytest.fixture
async def document(make_service: MakeService) -> AsyncIterator[Document]:
    async with make_service() as service, service.open_client() as client:
        answer = await client.get("/api/v1/openapi.json")
        assert answer.status_code == 200
        yield answer.json()


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(document: Document, reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def strings_in(document: Document, schema: Document, place: str) -> Iterator[tuple[str, Document]]:
    """Every string that a request may hold, and where."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in OPEN_SCHEMAS:
            yield from strings_in(document, resolve(document, schema["$ref"]), name)
        return
    if schema.get("type") == "string":
        yield place, schema
    for name, child in schema.get("properties", {}).items():
        yield from strings_in(document, child, f"{place}.{name}")
    for child in [*schema.get("anyOf", ()), *schema.get("allOf", ())]:
        yield from strings_in(document, child, place)
    if isinstance(schema.get("items"), dict):
        yield from strings_in(document, schema["items"], f"{place}[]")


async def test_the_document_is_valid_openapi(document: Document) -> None:
    # A relative address is allowed (OpenAPI 3.1, "Relative References in URLs"), but the schema
    # that comes with the specification would have none.
    absolute = at_mount(copy.deepcopy(document), "https://gatepost.test")
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(absolute).validate()


async def test_every_reference_leads_somewhere(document: Document) -> None:
    found = set(references(document))
    assert len(found) > 10
    for reference in found:
        assert resolve(document, reference)


async def test_it_bears_the_projects_name_and_version(make_service: MakeService) -> None:
    changes = {"project_name": "Acme", "version": "1.2.3", "api_v1_str": "/api/v7"}
    async with make_service(**changes) as service, service.open_client() as client:
        document = (await client.get("/api/v7/openapi.json")).json()
    assert document["info"]["title"] == "Acme"
    assert document["info"]["version"] == "1.2.3"
    assert document["info"]["description"]
    [scheme] = [
        each for each in document["components"]["securitySchemes"].values() if "flows" in each
    ]
    assert scheme["flows"]["password"]["tokenUrl"] == "/api/v7/auth/login"
    assert "/api/v7/auth/login" in document["paths"]


async def test_it_holds_each_route_once_under_its_own_address(document: Document) -> None:
    at_the_root = {"/", "/health", "/health/live", "/health/ready", "/.well-known/jwks.json"}
    assert {path for path in document["paths"] if not path.startswith("/api/v1/")} == at_the_root
    assert "/api/v1/users/me" in document["paths"]


async def test_operations_have_names_of_their_own_and_a_described_tag(document: Document) -> None:
    found = [operation for _, operation in operations(document)]
    names = Counter(operation["operationId"] for operation in found)
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert max(names.values()) == 1
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert all(set(operation["tags"]) <= described for operation in found)
    assert all(operation["tags"] and operation["description"] for operation in found)


async def test_every_refusal_is_a_problem_with_a_known_code(document: Document) -> None:
    known = {(kind.status, kind.code) for kind in problem_kinds()}
    for place, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400 or "/health" in place:
                continue
            assert list(response["content"]) == ["application/problem+json"], place
            codes = re.findall(r"`(\w+)`:", response["description"])
            assert codes, (place, status)
            assert {(int(status), code) for code in codes} <= known


async def test_what_an_operation_takes_decides_what_it_refuses(document: Document) -> None:
    for place, operation in operations(document):
        statuses = set(operation["responses"])
        assert "500" in statuses, place
        if "requestBody" in operation:
            assert statuses >= {"400", "413", "415", "422"}, place
        if "parameters" in operation:
            assert "422" in statuses, place
        if "security" in operation:
            assert "401" in statuses, place
        if "/api/v1/" in place:
            assert "503" in statuses, place


async def test_stock_validation_errors_are_gone(document: Document) -> None:
    assert "HTTPValidationError" not in str(document)


async def test_who_is_known_may_come_by_token_or_cookie(document: Document) -> None:
    guarded = dict(operations(document))["GET /api/v1/users/me"]
    schemes = document["components"]["securitySchemes"]
    kinds = [schemes[name]["type"] for each in guarded["security"] for name in each]
    assert kinds == ["oauth2", "apiKey"]


async def test_cookies_that_are_not_taken_are_not_described(make_service: MakeService) -> None:
    async with make_service(auth_transports="bearer") as service, service.open_client() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert "apiKey" not in str(document["components"]["securitySchemes"])
    assert all(len(each["security"]) == 1 for _, each in operations(document) if "security" in each)


async def test_headers_that_tell_what_to_do_are_described(document: Document) -> None:
    found = dict(operations(document))
    users = found["GET /api/v1/users"]["responses"]
    assert {"Link", "X-Request-ID"} <= set(users["200"]["headers"])
    assert "WWW-Authenticate" in users["401"]["headers"]
    assert "Retry-After" in users["503"]["headers"]
    assert "Retry-After" not in found["GET /health"]["responses"]["503"]["headers"]


def shown_bodies(document: Document) -> dict[str, Any]:
    """The example of each operation's body."""
    shown = {}
    for place, operation in operations(document):
        if "requestBody" not in operation:
            continue
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for each in [schema, *schema.get("anyOf", ())]:
            found = resolve(document, each["$ref"]) if "$ref" in each else each
            if "examples" in found:
                shown[place] = found["examples"][0]
        assert place in shown
    return shown


async def test_every_body_is_shown_by_an_example_that_is_taken(make_service: MakeService) -> None:
    async with make_service() as service, service.open_client() as client:
        shown = shown_bodies((await client.get("/api/v1/openapi.json")).json())
        made = await client.post(
            "/api/v1/auth/register", json=shown.pop("POST /api/v1/auth/register")
        )
        assert made.status_code == 201
        login = await client.post("/api/v1/auth/login", json=shown["POST /api/v1/auth/login"])
        assert login.status_code == 200
        bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
        item = await client.post("/api/v1/items/", json={"title": "Milk"}, headers=bearer)
        ids = {"user_id": made.json()["id"], "item_id": item.json()["id"]}
        for place, body in shown.items():
            method, path = place.format(**ids).split()
            answer = await client.request(method, path, json=body, headers=bearer)
            expected = {
                "POST /api/v1/auth/refresh": 401,
                "POST /api/v1/users": 403,
                "PATCH /api/v1/users/{user_id}": 403,
            }
            assert answer.status_code in {200, 201, expected.get(place)}, (place, answer.text)


@pytest.mark.parametrize("model", [UserRead, TokenRead, SessionRead, ItemRead, BulkResult, Message])
def test_an_answer_is_shown_by_an_example_of_it(model: type[BaseModel]) -> None:
    [example] = model.model_json_schema()["examples"]
    answer = model.model_validate(example)
    assert answer.model_dump(mode="json", exclude_unset=True) == example
    assert answer.model_fields_set == set(model.model_fields)


async def test_every_refusal_is_shown_by_an_example_of_each_problem(document: Document) -> None:
    for place, operation in operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/problem+json")
            if content is None:
                continue
            codes = re.findall(r"`(\w+)`:", response["description"])
            assert list(content["examples"]) == codes, (place, status)
            for code, reference in content["examples"].items():
                problem = resolve(document, reference["$ref"])["value"]
                assert (problem["code"], problem["status"]) == (code, int(status))


async def test_every_string_in_a_request_is_bounded(document: Document) -> None:
    unbounded = [
        found_at
        for place, operation in operations(document)
        for schema in [
            *(each["schema"] for each in operation.get("parameters", ())),
            *(
                each["schema"]
                for each in operation.get("requestBody", {}).get("content", {}).values()
            ),
        ]
        for found_at, string in strings_in(document, schema, place)
        if not {"maxLength", "enum", "const"} & set(string) and string.get("format") != "date-time"
    ]
    assert unbounded == []
