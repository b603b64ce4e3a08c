"""The metrics of sessions."""

from gatepost.features.sessions import events
from gatepost.observability.descriptions import Description

CHANGES = Description(
    "gatepost_session_changes_total",
    "counter",
    "Sessions that were `started`, `renewed` by a refresh, `ended`, `all_ended` (counted once for "
    "each user), `displaced` by a login beyond `SESSIONS_PER_USER`, or `replayed`: ended because a "
    "used refresh token was sent again.",
    ("change",),
    initial_values=("renewed", "started", "ended", "all_ended", "displaced", "replayed"),
    by_event={
        events.SESSION_STARTED.name: "started",
        events.SESSION_ENDED.name: "ended",
        events.SESSIONS_ENDED.name: "all_ended",
        events.SESSION_DISPLACED.name: "displaced",
        events.SESSION_REPLAYED.name: "replayed",
    },
)

METRICS = (CHANGES,)
