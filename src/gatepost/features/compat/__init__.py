"""Routes under the paths that older clients use."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="compat",
    routers=(Mount("router:router", is_api=False),),
    form_paths=("/users/code",),
    credential_paths=("/update",),
)
