"""The audit log as an API: all events for admins, and their own events for users."""

from gatepost.manifest import Feature, Mount, Tag

FEATURE = Feature(
    name="activity",
    routers=(Mount("router:router"),),
    tags=(
        Tag(
            "activity",
            "Who did what: everything for admins, and for users what concerns themselves.",
            place=60,
        ),
    ),
)
