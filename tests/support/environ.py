"""The environment of the process that runs the tests, as one test leaves it to the next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# pytest says in it which test is running.
PYTEST_CURRENT_TEST = "PYTEST_CURRENT_TEST"


@contextmanager
def environ_left_alone() -> Iterator[None]:
    """Undo what the block does to the environment: commands set variables for their processes."""
    before = environ()
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys() - {PYTEST_CURRENT_TEST}:
            del os.environ[name]
        os.environ.update(before)


def environ() -> dict[str, str]:
    """The environment without the variable that pytest changes itself."""
    return {name: text for name, text in os.environ.items() if name != PYTEST_CURRENT_TEST}
