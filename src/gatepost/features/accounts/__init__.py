"""Accounts: who there is, and what they may change about themselves."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="accounts",
    routers=(
        Mount("router:router"),
        Mount("router:by_auth", path="/auth", is_at_mount=True),
        Mount("admin_router:router"),
    ),
    tables=("models:User",),
    events="events",
    problems="errors",
)
