"""Sets the login URL in the OpenAPI documents of a host and of the applications mounted in it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost.features import FEATURES
from gatepost.features.callers.dependencies import SCHEME_NAME
from gatepost.manifest import interface_of
from gatepost.settings import CoreSettings
from gatepost.web.addresses import mount_of
from gatepost.web.openapi import ACCESS_BY_COOKIE


def set_login_url(
    app: FastAPI, settings: CoreSettings, prefix: str, *, is_host: bool = True
) -> None:
    """Make the Authorize button of an application's own documentation log in at `prefix`.

    `is_host` is false for an application that is mounted in the host.
    """
    if isinstance(app.openapi, _Description):
        return
    folder = (app.openapi_url or "").rpartition("/")[0]
    is_at_the_root = is_host and not folder
    app.openapi = _Description(app.openapi, settings, prefix, is_at_the_root=is_at_the_root)  # type: ignore[method-assign] # FastAPI documents this way to extend it
    for route in app.routes:
        if isinstance(route, Route) and route.path == app.openapi_url:
            route.app = _with_mount(route.app, is_host=is_host)


_mount: ContextVar[str] = ContextVar("gatepost_host_mount", default="")
"""The path at which the host is mounted, while its OpenAPI document is made."""


def _with_mount(app: ASGIApp, *, is_host: bool) -> ASGIApp:
    """Wrap `app` to set `_mount` for each request; in a mounted application, to the host's path."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        token = _mount.set(mount_of({"root_path": root if is_host else scope["app_root_path"]}))
        try:
            await app(scope, receive, send)
        finally:
            _mount.reset(token)

    return serve


class _Description:
    """Makes the application's own document, with our login URL or our cookie as its scheme."""

    def __init__(
        self,
        describe: Callable[[], dict[str, Any]],
        settings: CoreSettings,
        prefix: str,
        *,
        is_at_the_root: bool,
    ) -> None:
        self._describe = describe
        _, _, login = interface_of(FEATURES).login_path.rpartition("/")
        self._path = f"{prefix.rstrip('/')}/{login}"
        self._takes_bearer = "bearer" in settings.transports.auth_transports
        self._is_at_the_root = is_at_the_root

    @property
    def _login(self) -> str:
        """The login URL: absolute below a mount, relative if the document is at the root."""
        if mount := _mount.get():
            return mount + self._path
        return self._path.lstrip("/") if self._is_at_the_root else self._path

    def __call__(self) -> dict[str, Any]:
        document = self._describe()
        schemes = document.get("components", {}).get("securitySchemes", {})
        scheme = schemes.get(SCHEME_NAME, {})
        if "flows" in scheme and self._takes_bearer:
            scheme["flows"]["password"]["tokenUrl"] = self._login
        elif "flows" in scheme:
            schemes[SCHEME_NAME] = {**ACCESS_BY_COOKIE}
        return document
