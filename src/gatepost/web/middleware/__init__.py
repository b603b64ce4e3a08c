"""The middleware that every request passes, outermost first."""

from starlette.middleware import Middleware

from gatepost.settings import CoreSettings
from gatepost.web.interface import Interface
from gatepost.web.middleware.body_limit import BodyLimit
from gatepost.web.middleware.content_type import ContentType
from gatepost.web.middleware.cors import Cors
from gatepost.web.middleware.head import HeadAsGet
from gatepost.web.middleware.rate_limit import RateLimit
from gatepost.web.middleware.request_context import RequestContext
from gatepost.web.middleware.security_headers import SecurityHeaders


def middleware_stack(settings: CoreSettings, interface: Interface) -> list[Middleware]:
    """The middleware of an application whose features have this interface."""
    exposed = tuple(name for each in interface.request_headers for name in each.answers)
    return [
        Middleware(RequestContext, settings=settings, exposed_headers=exposed),
        Middleware(
            SecurityHeaders, strict_transport_security=settings.protection.strict_transport_security
        ),
        Middleware(
            Cors,
            allowed_origins=settings.transports.allowed_origins,
            allowed_headers=(
                *(each.name for each in interface.request_headers),
                *settings.transports.cors_allowed_headers,
            ),
            exposed_headers=exposed,
        ),
        Middleware(RateLimit),  # before any middleware that reads more than the address
        Middleware(
            BodyLimit,
            largest=settings.protection.max_request_body_size,
            credential_paths=interface.form_paths + interface.credential_paths,
            seconds=settings.protection.body_timeout_seconds,
        ),
        Middleware(ContentType, form_paths=interface.form_paths),
        Middleware(HeadAsGet),
    ]
