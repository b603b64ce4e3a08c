"""What the audit log records of imports and exports."""

from gatepost.events import Event

USERS_IMPORT_BEGUN = Event(
    "users.import_begun",
    owasp="user_created",
    when=(
        "An operator begins to import accounts, which have no events of their own; `import` in "
        "the details is what its file and options are known by."
    ),
)
USERS_IMPORTED = Event(
    "users.imported",
    owasp="user_created",
    when=(
        "An import is at its end: `made`, `already_there`, `refused` and `import` in the details."
    ),
)
USERS_EXPORTED = Event(
    "users.exported",
    owasp="sensitive_read",
    when=(
        "An operator begins to write accounts to a file; in the details `password_hashes`, "
        "whether these are among it, and which accounts were asked for."
    ),
)
