"""How long a body may take: the time runs from the first piece to the last."""

import asyncio
import itertools
import json
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from gatepost.web.middleware.body_limit import BodyLimit
from tests.support import patience

pytestmark = pytest.mark.anyio

PATIENCE = 0.05
LONGER_PATIENCE = 1.0
"""For a body that has to be there in time, however busy the machine is."""


async def read_whole(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its body, waits for the client to go, and answers."""
    while (await receive()).get("more_body", False):
        pass
    await answer(scope, receive, send)


async def answer(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that takes any failure to read for one of its own, as frameworks do."""
    try:
        await read_whole(scope, receive, send)
    except Exception:  # noqa: BLE001 - this is what the test is about
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


async def speak(
    app: BodyLimit, messages: Iterable[Message], pause: float = 0
) -> tuple[int, dict[str, object]]:
    """Send these pieces, and then nothing for ever; returns the status and the document."""
    waiting, sent = iter(messages), []

    async def receive() -> Message:
        await asyncio.sleep(pause)
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError("nothing comes of waiting")

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("application", [read_whole, swallow])
@pytest.mark.parametrize("pieces", [0, 1, 10])
async def test_a_body_that_stops_coming_is_refused(application: BodyLimit, pieces: int) -> None:
    limited = BodyLimit(application, largest=1024, seconds=PATIENCE)

    async with asyncio.timeout(patience.SECONDS):
        status, document = await speak(limited, [piece(b"x")] * pieces)

    assert (status, document["code"]) == (408, "request_timeout")


async def test_pieces_that_keep_coming_do_not_buy_time() -> None:
    limited = BodyLimit(read_whole, largest=1_000_000, seconds=PATIENCE)

    async with asyncio.timeout(patience.SECONDS):
        status, _ = await speak(limited, itertools.repeat(piece(b"x")), pause=PATIENCE / 5)

    assert status == 408


async def test_a_whole_body_has_all_the_time_there_is_to_be_answered() -> None:
    async def think(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(LONGER_PATIENCE * 1.5)
        with pytest.raises(TimeoutError):
            # Waiting for the client to go is not waiting for a body.
            async with asyncio.timeout(LONGER_PATIENCE * 1.5):
                await receive()
        await answer(scope, receive, send)

    limited = BodyLimit(think, largest=1024, seconds=LONGER_PATIENCE)

    assert (await speak(limited, [piece(b"{}", more=False)]))[0] == 200
