"""The caller of a request: identity, role, permissions, and the refusals."""

from gatepost.manifest import Feature

FEATURE = Feature(
    name="callers",
    events="events",
    problems="errors",
    caller_refusals="errors:CALLER_REFUSALS",
)
