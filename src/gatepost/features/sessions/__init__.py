"""Sessions: one for each login, with the tokens that belong to it."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="sessions",
    routers=(Mount("router:router", path="/auth", is_at_mount=True),),
    tables=("models:Session",),
    purges={"sessions": "service:purge"},
    problems="errors",
)
