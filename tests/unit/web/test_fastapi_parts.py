"""What FastAPI's versions list differently is read alike."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, routing
from starlette.routing import Mount

from gatepost.web.fastapi_parts import route_contexts


def test_what_a_router_mounts_has_its_whole_path_where_the_context_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As FastAPI 0.137.2 to 0.143 describes it; there `path` of the context is no attribute.
    inner = FastAPI()
    mount, whole = Mount("/shop", inner), Mount("/of/shop", inner)

    def contexts(_: object) -> Iterator[Any]:
        yield SimpleNamespace(original_route=mount, starlette_route=whole)

    monkeypatch.setattr(routing, "iter_route_contexts", contexts, raising=False)
    [(context, route)] = route_contexts([])
    assert (context.path, route) == ("/of/shop", mount)
