"""Schemathesis sends what the OpenAPI document allows, and what it does not, to every operation."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as budget
from schemathesis import Case
from schemathesis.checks import CheckContext
from schemathesis.core.result import Err, Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from gatepost import create_app
from tests.support import patience
from tests.support.clock import SetClock
from tests.support.live import served
from tests.support.service import PASSWORD, make_settings

pytestmark = pytest.mark.slow

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
EXAMPLES = 8
ADMIN = "root@example.com"

# A text that is too long for its member can be too long for the body that it comes in: 413.
REFUSED = [
    "400",
    "401",
    "403",
    "404",
    "405",
    "406",
    "409",
    "413",
    "415",
    "422",
    "428",
    "429",
    "5XX",
]
CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}

# What a schema allows can still be refused: a weak password, a name that is taken. And of many
# rows the one that is wrong fails alone.
Check = Callable[[CheckContext, Response, Case[Any]], bool | None]
NOT_PROMISED: list[Check] = [positive_data_acceptance]
NOT_PROMISED_OF_ROWS: list[Check] = [*NOT_PROMISED, negative_data_rejection]


@pytest.fixture
def base_url(wiped_url: str) -> Iterator[str]:
    settings = make_settings(
        wiped_url,
        first_superuser_email=ADMIN,
        first_superuser_password=PASSWORD,
        # Many passwords will be wrong.
        lockout_failures_per_address=100,
        lockout_failures_per_account=100,
    )
    app = create_app(settings, clock=SetClock())
    with served(app) as url:
        yield url


def log_in(base_url: str) -> dict[str, str]:
    answer = httpx.post(
        f"{base_url}/api/v1/auth/login",
        json={"email": ADMIN, "password": PASSWORD},
        timeout=patience.SECONDS,
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def operations(schema: BaseSchema) -> list[APIOperation[Any, Any, Any, Any]]:
    """Every operation; one that cannot be read is a mistake in the document."""
    results = list(schema.get_all_operations())
    assert not [result for result in results if isinstance(result, Err)]
    return [result.ok() for result in results if isinstance(result, Ok)]


def takes_input(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Whether there is anything that could be sent wrongly."""
    return bool(operation.body or operation.query or operation.path_parameters)


def play(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, base_url: str) -> None:
    """Send generated requests as a freshly logged in admin; every answer has to conform."""
    headers = log_in(base_url)
    of_rows = operation.path.endswith("/bulk")
    excluded = NOT_PROMISED_OF_ROWS if of_rows else NOT_PROMISED

    @given(case=operation.as_strategy(generation_mode=mode))
    @budget(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def conforms(case: Case[Any]) -> None:
        case.call_and_validate(headers=headers, excluded_checks=excluded, timeout=patience.SECONDS)

    conforms()


@pytest.mark.parametrize("mode", [POSITIVE, NEGATIVE], ids=["allowed", "not-allowed"])
def test_every_operation_answers_as_documented(base_url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(
        f"{base_url}/api/v1/openapi.json",
        timeout=patience.SECONDS,
        config=schemathesis.Config.from_dict(CONFIG),
    )
    played = [each for each in operations(schema) if mode is POSITIVE or takes_input(each)]
    assert played
    for operation in played:
        play(operation, mode, base_url)
