"""The audit events of sessions."""

from gatepost.events import Event, Outcome

SESSION_STARTED = Event(
    "session.started", owasp="session_created", when="A login starts a session."
)
SESSION_ENDED = Event(
    "session.ended",
    owasp="authn_token_revoked",
    when="A user logs out, or ends one of their sessions.",
)
SESSIONS_ENDED = Event(
    "session.all_ended",
    owasp="authn_token_revoked",
    when="All sessions of a user end, or all but the one in use.",
)
SESSION_DISPLACED = Event(
    "session.displaced",
    owasp="authn_token_revoked",
    when=(
        "A login exceeds `SESSIONS_PER_USER`: the oldest session ends. `sessions` in the details "
        "is the number of ended sessions; several only after the setting was lowered."
    ),
)
SESSION_REPLAYED = Event(
    "session.replayed",
    owasp="authn_token_reuse",
    when="A used refresh token is sent again after the grace: its session ends.",
    outcome=Outcome.FAILURE,
)
