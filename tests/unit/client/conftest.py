"""A clock to set, and an issuer's keys on loopback."""

from collections.abc import Iterator

import pytest

from tests.support.jwks_server import JwksServer
from tests.unit.client.forge import EPOCH, key_of


class SetClock:
    """The time in seconds, which passes only when it is told to."""

    def __init__(self) -> None:
        self.now = float(EPOCH)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def jwks() -> Iterator[JwksServer]:
    """A server that publishes the tests' ES256 key."""
    server = JwksServer()
    server.publish(key_of("ES256"))
    with server.serving():
        yield server
