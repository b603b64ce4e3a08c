"""The metrics of sessions."""

from gatepost.features.sessions import events
from gatepost.observability.descriptions import Description

CHANGES = Description(
    "gatepost_session_changes_total",
    "counter",
    "Sessions `started`, `renewed`, `ended` one by one, `all_ended` (once a user), `displaced` "
    "by a login more than may be, and `replayed`: ended because a spent refresh token came back.",
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
