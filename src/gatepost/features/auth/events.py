"""The audit events of logins."""

from gatepost.events import Event, Outcome

LOGIN_SUCCEEDED = Event("login.succeeded", owasp="authn_login_success", when="A user logs in.")
LOGIN_FAILED = Event(
    "login.failed",
    owasp="authn_login_fail",
    when=(
        "A login is refused. For an unknown account `user_id` is null, and `login` in the details "
        "is a keyed hash of the name typed: equal hashes are attempts with the same name."
    ),
    outcome=Outcome.FAILURE,
)
