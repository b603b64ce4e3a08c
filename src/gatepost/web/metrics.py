"""The `/metrics` route, for Prometheus: it checks the client's address or token."""

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
        "A request for `/metrics` comes from an address outside of `METRICS_ALLOWED`, or through "
        "a proxy that is not one of `TRUSTED_PROXIES`, and has no valid token."
    )
    remedy = (
        "Send the request from a network of `METRICS_ALLOWED`, or send `Authorization: Bearer` "
        "with `METRICS_TOKEN`."
    )


# Not in the OpenAPI document: it is not part of the API, and its format is Prometheus's.
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
    # Digests are compared, so that the time does not reveal the token's length.
    wanted = sha256(settings.metrics_token.encode()).digest()
    return hmac.compare_digest(sha256(token).digest(), wanted)


def _comes_from_inside(request: Request, runtime: Runtime) -> bool:
    """Whether the client's address is one of `METRICS_ALLOWED`.

    A proxied request comes from the proxy's address, which is often this machine's own. So it is
    refused unless the proxy is one of `TRUSTED_PROXIES`, and the client's address is known.
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
