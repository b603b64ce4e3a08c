"""Items of a user: the example of a protected resource, and of a feature."""

from gatepost.manifest import Feature, Mount, Tag

FEATURE = Feature(
    name="items",
    routers=(Mount("router:router"),),
    tables=("models:Item",),
    problems="errors",
    tags=(Tag("items", "The caller's items: the example of a protected resource."),),
)
