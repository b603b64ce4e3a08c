"""Registration, login, refresh and logout."""

from gatepost.manifest import Feature, Mount, Tag

FEATURE = Feature(
    name="auth",
    settings="settings:AuthSettings",
    metrics="metrics:METRICS",
    routers=(Mount("router:router", path="/auth", is_at_mount=True),),
    events="events",
    problems="errors",
    tags=(Tag("auth", "Register, log in, stay logged in, log out.", place=10),),
    form_paths=("/login",),
    credential_paths=("/register", "/refresh"),
    login_path="/auth/login",
)
