"""The audit events of callers."""

from gatepost.events import Event, Outcome

PERMISSION_DENIED = Event(
    "permission.denied",
    owasp="authz_fail",
    when="A caller is refused (403), because the role does not allow the request.",
    outcome=Outcome.FAILURE,
)
