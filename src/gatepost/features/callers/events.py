"""What the audit log records of callers."""

from gatepost.events import Event, Outcome

PERMISSION_DENIED = Event(
    "permission.denied",
    owasp="authz_fail",
    when="A caller asks for what their role does not allow.",
    outcome=Outcome.FAILURE,
)
