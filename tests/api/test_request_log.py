"""The line of a request is written by a short way: it is the one that the long way would write."""

import logging
from typing import Any

import httpx
import pytest

from gatepost.observability.redaction import MASK
from gatepost.observability.request_log import EVENT, Answered, log_request
from tests.support.logs import Log, logged
from tests.support.service import SECRET, make_settings

pytestmark = pytest.mark.anyio

PLAIN = Answered("0f6c" * 8, True, "GET", "/users/{user_id}", 200, 0.0012345678, "192.0.2.7")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


class Listener(logging.Handler):
    """A handler of somebody else's, who keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Broken(Log):
    """A stream that nobody reads any more."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


def settings_of(**changes: Any) -> Any:
    return make_settings("sqlite:///./never-opened.db", **changes)


def lines_of(answered: Answered, *, listener: bool = False, **changes: Any) -> str:
    with logged(settings_of(log_format="json", **changes)) as log:
        if listener:
            logging.getLogger("gatepost").addHandler(Listener())
        log_request(answered)
    return log.getvalue()


def without_time(line: str) -> str:
    assert line.startswith('{"timestamp": "')
    return line[len('{"timestamp": "2026-01-15T12:00:00.123Z') :]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"address": None},
        {"address": "2001:db8::7"},
        {"seconds": 0.0},
        {"seconds": 1e-9},
        {"seconds": 12.0},
        {"seconds": 123456.789},
        {"method": 'BREW"\\\n'},
        {"method": "PASSWORD=x"},
        {"route": "/users/me/password"},
        {"status": 499},
        {"request_id": "a-token-of-the-client"},
        {"request_id": JWT},
        {"request_id": SECRET},
    ],
)
def test_the_short_way_writes_what_the_long_way_writes(change: dict[str, Any]) -> None:
    answered = PLAIN._replace(is_id_ours="request_id" not in change, **change)
    short, long = lines_of(answered), lines_of(answered, listener=True)
    assert short.count("\n") == long.count("\n") == 1
    assert without_time(short) == without_time(long)
    assert SECRET not in short
    assert JWT not in short


@pytest.mark.databases("sqlite")
async def test_an_id_of_the_client_that_looks_like_a_secret_is_masked(
    client: httpx.AsyncClient,
) -> None:
    with logged(settings_of(log_format="json")) as log:
        answer = await client.get("/users/me", headers={"X-Request-ID": JWT})
    assert answer.headers["X-Request-ID"] == JWT
    assert [line["request_id"] for line in log.events(EVENT)] == [MASK]


def test_whoever_else_listens_gets_a_record() -> None:
    names = ("gatepost.requests", "gatepost", None)
    for name in names:
        with logged(settings_of()) as log:
            listener = Listener()
            logging.getLogger(name).addHandler(listener)
            log_request(PLAIN)
        [record] = listener.records
        assert (record.getMessage(), record.levelname) == (EVENT, "INFO")
        told = {name: getattr(record, name) for name in ("request_id", "route", "status")}
        assert told == {"request_id": PLAIN.request_id, "route": PLAIN.route, "status": 200}
        assert len(log.events(EVENT)) == 1


def test_a_filter_sees_a_record() -> None:
    with logged(settings_of()) as log:
        process_log = logging.getLogger().handlers[0]
        process_log.addFilter(lambda record: record.getMessage() != EVENT)
        log_request(PLAIN)
    assert not log.getvalue()


@pytest.mark.parametrize("log_level", ["WARNING", "ERROR"])
def test_what_is_not_grave_enough_is_not_told(log_level: str) -> None:
    assert not lines_of(PLAIN, log_level=log_level)


def test_a_person_reads_it_as_ever() -> None:
    with logged(settings_of(log_format="console")) as log:
        log_request(PLAIN)
    assert EVENT in log.getvalue()
    assert "/users/{user_id}" in log.getvalue()
    assert not log.getvalue().startswith("{")


def test_a_log_that_nobody_reads_stops_no_request(capfd: pytest.CaptureFixture[str]) -> None:
    with logged(settings_of(log_format="json")) as log:
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Broken())
        log_request(PLAIN)
    assert not log.getvalue()
    assert "BrokenPipeError" in capfd.readouterr().err  # as for every other record
