"""A callback that could never be called is told when it is given, not when its event happens."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from gatepost import HookEvent, Hooks
from gatepost.features import FEATURES
from gatepost.manifest import events_of


async def hear(_: HookEvent) -> None:
    pass


async def hear_with(_: str, __: HookEvent | None) -> None:
    pass


async def hear_nothing() -> None:
    pass


async def hear_by_name(_: HookEvent, *, name: str) -> None:
    pass


def hear_now(_: HookEvent) -> None:
    pass


@functools.wraps(hear)
def hear_wrapped(happening: HookEvent) -> Awaitable[None]:
    return hear(happening)


class Listener:
    async def __call__(self, _: HookEvent) -> None:
        pass

    async def hear(self, _: HookEvent) -> None:
        pass


class PromptListener:
    def __call__(self, _: HookEvent) -> None:
        pass


@pytest.mark.parametrize(
    "callback",
    [
        hear,
        hear_wrapped,
        Listener(),
        Listener().hear,
        functools.partial(hear_with, "a"),
        functools.partial(Listener()),
        functools.partial(hear_by_name, name="a"),
        AsyncMock(),
    ],
)
def test_whatever_can_be_awaited_with_a_happening_is_a_callback(
    callback: Callable[[HookEvent], Awaitable[None]],
) -> None:
    hooks = Hooks()
    hooks.on("user.created", callback)
    assert hooks.listening_to("user.created") == [callback]


@pytest.mark.parametrize(
    ("callback", "told"),
    [
        (hear_now, "hear_now is not async"),
        (PromptListener(), "is not async"),
        (PromptListener().__call__, "is not async"),
        (functools.partial(hear_now), "is not async"),
        (lambda _: None, "is not async"),
        (Mock(), "is not async"),
        (hear_nothing, "hear_nothing has to take one argument"),
        (hear_with, "hear_with has to take one argument"),
        (hear_by_name, "hear_by_name has to take one argument"),
        (functools.partial(hear_nothing), "has to take one argument"),
        (Listener, "Listener cannot be a callback"),
        ("hear", "cannot be a callback"),
        (None, "cannot be a callback"),
    ],
)
def test_a_callback_that_cannot_be_called_is_told_at_once(callback: Any, told: str) -> None:
    hooks = Hooks()
    with pytest.raises(TypeError, match=told):
        hooks.on("user.created", callback)
    with pytest.raises(TypeError, match=told):
        Hooks({"user.created": [callback]})
    assert hooks.listening_to("user.created") == []


@pytest.mark.parametrize("event", ["user.creatd", "User.Created", "user.*", "", None, 1, b"*"])
def test_an_event_that_there_is_not_is_told_at_once(event: Any) -> None:
    with pytest.raises(ValueError, match="is not an event"):
        Hooks().on(event, hear)
    with pytest.raises(ValueError, match="is not an event"):
        Hooks({event: [hear]})


def test_a_misspelt_event_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'user\.created'"):
        Hooks().on("user.creatd", hear)


@pytest.mark.parametrize("event", [*events_of(FEATURES), "*"])
def test_every_event_can_be_heard(event: str) -> None:
    hooks = Hooks()
    hooks.on(event, hear)
    assert hooks.listening_to(event if event != "*" else "user.created") == [hear]
