"""Routes under the names that older clients know."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="compat",
    routers=(Mount("router:router", is_api=False),),
    form_paths=("/users/code",),
    credential_paths=("/update",),
)
