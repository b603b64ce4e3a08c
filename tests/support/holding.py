"""Makes it an error to wait for anything else while a transaction is held."""

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from gatepost import holding
from gatepost.stores.invalidation import LocalInvalidation
from gatepost.stores.memory import MemoryStore

_ASKED = ("update", "count_in_window")


@contextmanager
def forbid_waiting_in_transactions() -> Iterator[None]:
    """The memory answers at once and is not looked after: here it stands for the other stores."""
    checked: dict[str, Any] = {
        name: _checked(getattr(MemoryStore, name), "the store") for name in _ASKED
    }
    invalidate = _checked(LocalInvalidation.invalidate, "an invalidation")
    with (
        patch.object(holding, "is_strict", new=True),
        patch.multiple(MemoryStore, **checked),
        patch.object(LocalInvalidation, "invalidate", invalidate),
    ):
        yield


def _checked(ask: Callable[..., Awaitable[Any]], before: str) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(ask)
    async def check_and_ask(*args: Any, **options: Any) -> Any:
        holding.expect_no_transaction(before)
        return await ask(*args, **options)

    return check_and_ask
