"""Gives every request an id, answers uncaught exceptions with a 500, and logs and counts both."""

import re
import time
from os import urandom

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepost.observability.request_ids import bind_request_id, unbind_request_id
from gatepost.observability.request_log import Answered, log, log_request
from gatepost.settings import CoreSettings
from gatepost.web.addresses import WholePath
from gatepost.web.client_address import client_address
from gatepost.web.headers import all_of
from gatepost.web.middleware.cors import Cors
from gatepost.web.middleware.security_headers import SecurityHeaders
from gatepost.web.problems import REQUEST_ID, InternalError, problem_response, request_id_of
from gatepost.web.route_table import MATCHED_ROUTE, route_template
from gatepost.web.runtimes import bind_runtime

CLIENT_GONE = 499
"""The status, in log and metrics, of a request whose client disconnected before the answer."""

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")


class _Answer:
    """Sends the answer with the request id in a header; `status` is 0 until the answer begins."""

    __slots__ = ("_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self._request_id)]
        try:
            await self._send(message)
        except OSError as error:  # a disconnect in ASGI 2.4; not to be taken for a database error
            raise ClientDisconnect from error


class RequestContext:
    """The outermost middleware: every request passes it, and every answer has its request id."""

    def __init__(
        self, app: ASGIApp, settings: CoreSettings, exposed_headers: tuple[str, ...] = ()
    ) -> None:
        self.app = app
        self.log_requests = settings.observability.log_requests
        self.trusted_proxies = settings.protection.trusted_proxies
        self.whole_path = WholePath(settings.service.root_path)
        # The crash may have been in the middleware that adds these headers, so they are added here.
        self.last_resort = SecurityHeaders(
            Cors(
                _answer_crash,
                settings.transports.allowed_origins,
                settings.transports.cors_allowed_headers,
                exposed_headers,
            ),
            settings.protection.strict_transport_security,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given, scope = scope, self.whole_path.of(scope)
        sent = _sane_id(scope)
        request_id = urandom(16).hex() if sent is None else sent
        scope[REQUEST_ID] = request_id
        answer, bound = _Answer(send, request_id), bind_request_id(request_id)
        runtime, began = bind_runtime(scope), time.perf_counter()
        metrics = None if runtime is None else runtime.metrics
        if metrics is not None:
            metrics.begin_request()
        try:
            await self._answer(scope, receive, answer)
        finally:
            seconds, status = time.perf_counter() - began, answer.status or CLIENT_GONE
            method, route = scope["method"], route_template(scope)
            if scope is not given and MATCHED_ROUTE in scope:
                given[MATCHED_ROUTE] = scope[MATCHED_ROUTE]
            if metrics is not None:
                metrics.end_request(method, route, status, seconds)
            if self.log_requests:
                address = client_address(scope, self.trusted_proxies)
                # The route's template, not the path, which may contain personal data or secrets.
                log_request(
                    Answered(request_id, sent is None, method, route, status, seconds, address)
                )
            unbind_request_id(bound)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            log.info("request.client_gone", extra=_named(scope))
        except Exception:
            log.exception("request.crashed", extra=_named(scope))
            if answer.status:
                raise
            await self.last_resort(scope, receive, answer.send)


def _named(scope: Scope) -> dict[str, str]:
    """The request id as `extra`, for the log handlers of a host."""
    return {"request_id": request_id_of(scope)}


async def _answer_crash(scope: Scope, receive: Receive, send: Send) -> None:
    problem = InternalError("Tell us the request id, and we can find out why.")
    await problem_response(problem, request_id_of(scope))(scope, receive, send)


def _sane_id(scope: Scope) -> str | None:
    """The client's own request id if it has a safe form, so that both logs use the same id."""
    sane = (each for each in all_of(scope, b"x-request-id") if _SANE_ID.fullmatch(each))
    return next((each.decode("ascii") for each in sane), None)
