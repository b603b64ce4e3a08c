"""The audit events of accounts."""

from gatepost.events import Event, Outcome

USER_CREATED = Event(
    "user.created", owasp="user_created", when="An account is created; `role` in the details."
)
USER_UPDATED = Event(
    "user.updated",
    owasp="user_updated",
    when="A user's profile changes; `fields` in the details names the fields, without values.",
)
USER_DELETED = Event(
    "user.deleted", owasp="user_deleted", when="An account and all of its data are deleted."
)
USER_DISABLED = Event(
    "user.disabled", owasp="user_updated", when="An admin or an operator disables a user."
)
USER_ENABLED = Event("user.enabled", owasp="user_updated", when="A disabled user is enabled again.")
ROLE_CHANGED = Event(
    "user.role_changed",
    owasp="privilege_permissions_changed",
    when="A user's role changes; `from` and `to` in the details.",
)
PASSWORD_CHANGED = Event(
    "user.password_changed",
    owasp="authn_password_change",
    when="A user, an admin or an operator sets a new password.",
)
PASSWORD_CHANGE_FAILED = Event(
    "user.password_change_failed",
    owasp="authn_password_change_fail",
    when="A change that requires the current password is refused, as that is wrong.",
    outcome=Outcome.FAILURE,
)
LOGIN_LOCKED = Event(
    "login.locked",
    owasp="authn_login_lock",
    when=(
        "A wrong password reaches the limit: logins to the account are refused for a while, from "
        "that address or from everywhere."
    ),
    outcome=Outcome.FAILURE,
)
LOGIN_UNLOCKED = Event(
    "login.unlocked",
    owasp="authn_login_lock",
    when="An admin or an operator ends a user's lock early.",
)
