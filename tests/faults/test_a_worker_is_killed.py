"""A worker process that is killed is replaced, and its end costs nothing but what it was doing."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.command import Process
from tests.support.load import Load, open_client, until
from tests.support.processes import (
    gatepost_on,
    serving,
    sign_up_over,
    titles_of_items,
)

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

WORKERS = 2


async def test_a_killed_worker_is_replaced_and_nothing_written_is_lost(
    fresh_database_url: str, tmp_path: Path
) -> None:
    gatepost = gatepost_on(fresh_database_url, tmp_path)
    titles: list[str] = []
    with serving(gatepost, "--workers", str(WORKERS)) as (process, url):
        first = set(workers_of(process, WORKERS))
        async with open_client(url) as client:
            client.headers.update(await sign_up_over(client))

            async def write(client: httpx.AsyncClient) -> httpx.Response:
                title = f"item {time.monotonic_ns()}"
                # A connection of its own for each, so that both workers get some.
                answer = await client.post(
                    "/items/", json={"title": title}, headers={"Connection": "close"}
                )
                if answer.status_code == 201:
                    titles.append(title)
                return answer

            load = Load(client, [write])
            async with load.running():
                await load.answered(40)
                os.kill(min(first), signal.SIGKILL)
                replaced = workers_of(process, WORKERS + 1)
                await load.answered(80)
            # What it was doing broke with it: a request a client at most.
            assert set(load.statuses) <= {201, None}
            assert load.statuses[None] <= load.clients
            assert len(set(replaced) - first) == 1

            async def all_is_well() -> bool:
                return (await client.get("/health/ready")).status_code == 200

            await until(all_is_well)
            assert set(titles) <= await titles_of_items(client)
        status, printed = process.terminate()
    assert status == 0, printed
    assert "Traceback" not in printed


async def test_a_worker_that_hung_before_it_died_is_replaced_as_soon(tmp_path: Path) -> None:
    gatepost = gatepost_on(f"sqlite:///{tmp_path}/test.db", tmp_path)
    with serving(gatepost, "--workers", str(WORKERS)) as (process, url):
        hung, *_ = workers_of(process, WORKERS)
        os.kill(hung, signal.SIGSTOP)
        async with open_client(url) as client:
            for _ in range(100):  # meanwhile it is asked whether it lives, and does not say
                answer = await client.get("/health/live", headers={"Connection": "close"})
                assert answer.status_code == 200
        os.kill(hung, signal.SIGKILL)
        killed_at = time.monotonic()
        process.wait_for(rf"Child process \[{hung}\] died")
        # Silence is borne for a minute.
        assert time.monotonic() - killed_at < 30
        assert hung not in workers_of(process, WORKERS + 1)[WORKERS:]


def workers_of(process: Process, count: int) -> list[int]:
    """The process ids of all workers so far, once this many have started."""
    printed = process.wait_for(rf"(?s)(?:startup complete.*?){{{count}}}").string
    return [int(number) for number in re.findall(r"Started server process \[(\d+)\]", printed)]
