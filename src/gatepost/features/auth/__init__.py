"""Registration, login, refresh and logout."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="auth",
    routers=(Mount("router:router", path="/auth", is_at_mount=True),),
    events="events",
    problems="errors",
)
