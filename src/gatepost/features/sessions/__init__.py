"""Sessions: one for each login, with the tokens that belong to it."""

from gatepost.manifest import Feature, Mount, Tag

FEATURE = Feature(
    name="sessions",
    metrics="metrics:METRICS",
    routers=(Mount("router:router", path="/auth", is_at_mount=True),),
    tables=("models:Session",),
    authenticators=(
        "authenticators.bearer_token:BearerToken",  # the header wins (RFC 6750 section 2.1)
        "authenticators.token_cookie:TokenCookie",
    ),
    purges={"sessions": "service:purge"},
    events="events",
    problems="errors",
    tags=(Tag("sessions", "The caller's devices.", place=20),),
)
