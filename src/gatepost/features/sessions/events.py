"""What the audit log records of sessions."""

from gatepost.events import Event, Outcome

SESSION_STARTED = Event("session.started", owasp="session_created", when="A login opens a session.")
SESSION_ENDED = Event(
    "session.ended", owasp="authn_token_revoked", when="A user logs one device out."
)
SESSIONS_ENDED = Event(
    "session.all_ended",
    owasp="authn_token_revoked",
    when="All sessions of a user end, but perhaps the one in use.",
)
SESSION_DISPLACED = Event(
    "session.displaced",
    owasp="authn_token_revoked",
    when=(
        "A login is one more than `SESSIONS_PER_USER`: the oldest session ends. `sessions` in "
        "the details says how many did, several only after the bound was lowered."
    ),
)
SESSION_REPLAYED = Event(
    "session.replayed",
    owasp="authn_token_reuse",
    when="A refresh token comes back that was spent before the grace: its session ends.",
    outcome=Outcome.FAILURE,
)
