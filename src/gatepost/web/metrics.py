"""Gives Prometheus the metrics, and nobody else."""

import hmac
import ipaddress
from hashlib import sha256

from fastapi import APIRouter, Request, Response

from gatepost.errors import Problem
from gatepost.observability.metrics import CONTENT_TYPE
from gatepost.runtime import Runtime
from gatepost.settings import ObservabilitySettings
from gatepost.web.client_address import client_address
from gatepost.web.dependencies import CurrentRuntime
from gatepost.web.routing import BoundedRoute

_BEARER = "bearer "
_SIGNS_OF_A_PROXY = ("forwarded", "via", "x-forwarded-for", "x-real-ip")


class MetricsRefused(Problem):
    status = 403
    code = "metrics_refused"
    title = "The metrics are not for everybody"
    when = (
        "Somebody asks for `/metrics` from outside of `METRICS_ALLOWED`, or by way of a proxy "
        "that is not one of `TRUSTED_PROXIES`, and without the right token."
    )
    remedy = "Ask from inside, or send `Authorization: Bearer` with `METRICS_TOKEN`."


# Not in the OpenAPI document: it is no part of the API, and speaks another language.
router = APIRouter(include_in_schema=False, route_class=BoundedRoute)


@router.get("/metrics")
async def metrics(request: Request, runtime: CurrentRuntime) -> Response:
    """All metrics, of all processes, in Prometheus's text format."""
    if not (
        _has_token(request, runtime.settings.observability) or _comes_from_inside(request, runtime)
    ):
        raise MetricsRefused("Ask from a network of METRICS_ALLOWED, or send METRICS_TOKEN.")
    return Response(runtime.metrics.expose(), media_type=CONTENT_TYPE)


def _has_token(request: Request, settings: ObservabilitySettings) -> bool:
    sent = request.headers.getlist("authorization")
    if settings.metrics_token is None or len(sent) != 1:
        return False
    if not sent[0].lower().startswith(_BEARER):
        return False
    token = sent[0][len(_BEARER) :].strip().encode("latin-1")
    # Of digests: how long the right one is would show otherwise.
    wanted = sha256(settings.metrics_token.encode()).digest()
    return hmac.compare_digest(sha256(token).digest(), wanted)


def _comes_from_inside(request: Request, runtime: Runtime) -> bool:
    """Whether the client's address is allowed.

    What a proxy passes on comes from the proxy's address, often this machine's own. Unless the
    proxy is one of `TRUSTED_PROXIES`, and so the client's own address is known, nobody behind it
    is let in.
    """
    settings = runtime.settings
    address = client_address(request.scope, settings.protection.trusted_proxies)
    if address is None:
        return False
    is_peers_own = request.client is not None and request.client.host == address
    if is_peers_own and any(name in request.headers for name in _SIGNS_OF_A_PROXY):
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in settings.observability.metrics_allowed)
