"""Who is calling, in which role, and what refuses a caller."""

from gatepost.manifest import Feature

FEATURE = Feature(
    name="callers",
    events="events",
    problems="errors",
    caller_refusals="errors:CALLER_REFUSALS",
)
