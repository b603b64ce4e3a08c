"""The audit log, for admins to read and for users where it concerns them."""

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
