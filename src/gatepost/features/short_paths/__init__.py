"""Routes under the names that older clients know."""

from gatepost.manifest import Feature, Mount

FEATURE = Feature(
    name="short_paths",
    routers=(Mount("router:router", is_api=False),),
    form_paths=("/users/code",),
    credential_paths=("/update",),
)
