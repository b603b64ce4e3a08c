"""Clients for what is so slow that a request cut off at the end of a round would count."""

import http.client
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.support.errors import BenchError
from bench.support.http import HOST, PATIENCE_SECONDS, Request


def finished_per_second(
    port: int, requests: Sequence[Request], connections: int, seconds: float
) -> float:
    """Send requests over so many connections for so long, and let the last ones finish.

    The time counts until the last is answered: a server that works on sixteen at once and one that
    works on one after the other are measured alike.
    """
    began = time.monotonic()
    # Shared by all: the interpreter hands out its items one at a time.
    turns = itertools.cycle(requests)
    with ThreadPoolExecutor(connections) as threads:
        clients = [
            threads.submit(_client, port, turns, began + seconds) for _ in range(connections)
        ]
        answered = sum(client.result() for client in clients)
    return answered / (time.monotonic() - began)


def _client(port: int, turns: Iterator[Request], deadline: float) -> int:
    """Send one after the other until the time is over; returns how many were answered."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    answered = 0
    try:
        while time.monotonic() < deadline:
            request = next(turns)
            body, headers = request.body.encode() or None, dict(request.headers)
            connection.request(request.method, request.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise BenchError(f"{request.path} was answered {answer.status}")
            answered += 1
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"a client lost its server: {error!r}") from error
    finally:
        connection.close()
    return answered
