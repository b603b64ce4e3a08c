"""Accounts: users, their profiles and passwords, and their administration."""

from gatepost.manifest import Feature, Mount, Tag

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
    tags=(
        Tag("profile", "The caller's own account.", place=30),
        Tag("users", "Everybody's accounts, for moderators and admins.", place=40),
    ),
    credential_paths=("/users", "/users/me", "/users/me/password"),
)
