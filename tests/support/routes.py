"""Every route of an application, as FastAPI's version in use lists them."""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute

from gatepost.web.fastapi_parts import route_contexts


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every API route, those of included routers too."""
    for _, route in route_contexts(app.routes):
        if isinstance(route, APIRoute):
            yield route
