"""The OpenAPI document at the command line."""

import json

from tests.support.command import Gatepost


def test_the_document_needs_no_settings_and_no_database(bare: Gatepost) -> None:
    document = json.loads(bare.done("openapi"))
    assert "/api/v1/auth/login" in document["paths"]
    assert list(bare.folder.iterdir()) == []


def test_the_document_is_of_the_service_that_is_configured(gatepost: Gatepost) -> None:
    words = ("openapi", "--output", "openapi.json")
    assert gatepost.having(PROJECT_NAME="Lodge", API_V1_STR="/v1").done(*words) == ""
    document = json.loads((gatepost.folder / "openapi.json").read_text())
    assert document["info"]["title"] == "Lodge"
    assert "/v1/auth/login" in document["paths"]


def test_a_file_that_cannot_be_written_is_a_sentence(bare: Gatepost) -> None:
    said = bare.refused("openapi", "--output", "nowhere/openapi.json")
    assert said == "Error: Cannot write nowhere/openapi.json: No such file or directory.\n"
