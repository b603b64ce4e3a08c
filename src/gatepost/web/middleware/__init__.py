"""The stack that every request falls through, outermost first: read it like a list."""

from starlette.middleware import Middleware

from gatepost.settings import Settings
from gatepost.web.middleware.body_limit import BodyLimit
from gatepost.web.middleware.content_type import ContentType
from gatepost.web.middleware.cors import Cors
from gatepost.web.middleware.head import HeadAsGet
from gatepost.web.middleware.rate_limit import RateLimit
from gatepost.web.middleware.request_context import RequestContext
from gatepost.web.middleware.security_headers import SecurityHeaders

FORM_PATHS = ("/login", "/users/code")
"""How the paths end that take the OAuth2 password form; every other takes JSON alone."""

CREDENTIAL_PATHS = (
    *FORM_PATHS,
    "/register",
    "/refresh",
    "/users",
    "/users/me",
    "/users/me/password",
    "/update",
)
"""How the paths end whose bodies hold a password or a token, and little else."""


def middleware_stack(settings: Settings) -> list[Middleware]:
    return [
        Middleware(RequestContext, settings=settings),
        Middleware(SecurityHeaders, strict_transport_security=settings.strict_transport_security),
        Middleware(
            Cors,
            allowed_origins=settings.allowed_origins,
            allowed_headers=settings.cors_allowed_headers,
        ),
        Middleware(RateLimit),  # before all that reads more of a request than its address
        Middleware(
            BodyLimit,
            largest=settings.max_request_body_size,
            credential_paths=CREDENTIAL_PATHS,
            seconds=settings.body_timeout_seconds,
        ),
        Middleware(ContentType, form_paths=FORM_PATHS),
        Middleware(HeadAsGet),
    ]
