"""What the audit log records of logins."""

from gatepost.events import Event, Outcome

LOGIN_SUCCEEDED = Event("login.succeeded", owasp="authn_login_success", when="A login is accepted.")
LOGIN_FAILED = Event(
    "login.failed",
    owasp="authn_login_fail",
    when=(
        "A login is refused. For an unknown account there is no user, and `login` in the "
        "details is a keyed hash of the name: equal hashes are attacks on one name."
    ),
    outcome=Outcome.FAILURE,
)
