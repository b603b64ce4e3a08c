"""How long tests wait for what should happen, and how patient the service is while it is tested.

A busy machine is ten times as slow, or stands still for a moment. No test may fail for that: it
waits for a condition, and fails only where that never comes; and the service gives nothing up,
unless the giving up is what the test is about.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest

from gatepost.features.audit import sealing

SECONDS = 120
"""Whoever has waited for so long waits for what does not come."""

HANGING_SECONDS = 60
"""An answer that took as long hung on something."""

SETTINGS: Final[dict[str, Any]] = {
    "database_pool_timeout_seconds": 60,
    "database_statement_timeout_seconds": 600,
    "redis_timeout_milliseconds": 60_000,
    "body_timeout_seconds": 600,
}
"""What a test has of settings by which the service gives up."""

ENVIRON: Final = {name.upper(): str(value) for name, value in SETTINGS.items()}

_CONSTANTS: Final[dict[str, float]] = {
    "gatepost.web.health.TIMEOUT_SECONDS": 60.0,
    "gatepost.stores.lockout.LONGEST_WAIT_SECONDS": 120.0,
    "gatepost.app.SECONDS_FOR_CHORES": 60.0,
}


_NEVER: Final = timedelta(days=1)


@contextmanager
def patient_service() -> Iterator[None]:
    """In this process nothing is given up, and the background is at rest: a test that took longer
    than most would else meet what those never meet.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in _CONSTANTS.items():
            patch.setattr(name, seconds)
        patch.setattr(
            sealing,
            "run_sealer",
            partial(sealing.run_sealer, interval=_NEVER),
        )
        yield
