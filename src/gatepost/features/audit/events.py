"""What each event of the closed list means, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gatepost.hooks import Event

__all__ = ["MEANINGS", "Event", "Meaning", "Outcome"]


class Outcome(StrEnum):
    """Whether what was tried was done."""

    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Meaning:
    """When an event happens, and the OWASP logging vocabulary's word for it."""

    owasp: str
    when: str
    outcome: Outcome = Outcome.SUCCESS


MEANINGS: Mapping[Event, Meaning] = {
    Event.USER_CREATED: Meaning("user_created", "An account is made; `role` in the details."),
    Event.USER_UPDATED: Meaning(
        "user_updated",
        "An address, username or name changes; `fields` tells which, never the values.",
    ),
    Event.USER_DELETED: Meaning("user_deleted", "An account and all that is its is deleted."),
    Event.USER_DISABLED: Meaning("user_updated", "A user is locked out by an admin."),
    Event.USER_ENABLED: Meaning("user_updated", "A disabled user is let in again."),
    Event.ROLE_CHANGED: Meaning(
        "privilege_permissions_changed", "A user's role changes; `from` and `to` in the details."
    ),
    Event.PASSWORD_CHANGED: Meaning(
        "authn_password_change", "A user, an admin or an operator sets a new password."
    ),
    Event.PASSWORD_CHANGE_FAILED: Meaning(
        "authn_password_change_fail",
        "A change that takes the current password came with another one.",
        Outcome.FAILURE,
    ),
    Event.USERS_IMPORT_BEGUN: Meaning(
        "user_created",
        "An operator begins to import accounts, which have no events of their own; `import` in the "
        "details is what its file and options are known by.",
    ),
    Event.USERS_IMPORTED: Meaning(
        "user_created",
        "An import is at its end: `made`, `already_there`, `refused` and `import` in the details.",
    ),
    Event.USERS_EXPORTED: Meaning(
        "sensitive_read",
        "An operator begins to write accounts to a file; in the details `password_hashes`, whether "
        "these are among it, and which accounts were asked for.",
    ),
    Event.LOGIN_SUCCEEDED: Meaning("authn_login_success", "A login is accepted."),
    Event.LOGIN_FAILED: Meaning(
        "authn_login_fail",
        "A login is refused. For an unknown account there is no user, and `login` in the details "
        "is a keyed hash of the name: equal hashes are attacks on one name.",
        Outcome.FAILURE,
    ),
    Event.LOGIN_LOCKED: Meaning(
        "authn_login_lock",
        "One wrong password too many: logins to the account are refused for a while, from that "
        "address or from anywhere.",
        Outcome.FAILURE,
    ),
    Event.LOGIN_UNLOCKED: Meaning(
        "authn_login_lock", "An admin or an operator lets somebody in before their lock ends."
    ),
    Event.SESSION_STARTED: Meaning("session_created", "A login opens a session."),
    Event.SESSION_ENDED: Meaning("authn_token_revoked", "A user logs one device out."),
    Event.SESSIONS_ENDED: Meaning(
        "authn_token_revoked", "All sessions of a user end, but perhaps the one in use."
    ),
    Event.SESSION_DISPLACED: Meaning(
        "authn_token_revoked",
        "A login is one more than `SESSIONS_PER_USER`: the oldest session ends. `sessions` in "
        "the details says how many did, several only after the bound was lowered.",
    ),
    Event.SESSION_REPLAYED: Meaning(
        "authn_token_reuse",
        "A refresh token comes back that was spent before the grace: its session ends.",
        Outcome.FAILURE,
    ),
    Event.PERMISSION_DENIED: Meaning(
        "authz_fail", "A caller asks for what their role does not allow.", Outcome.FAILURE
    ),
    Event.SIGNING_KEY_CREATED: Meaning("sys_crypto", "A key pair for access tokens is made."),
    Event.SIGNING_KEY_ROTATED: Meaning("sys_crypto", "Another key pair signs from now on."),
}
