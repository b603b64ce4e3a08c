"""The audit events of imports and exports."""

from gatepost.events import Event

USERS_IMPORT_BEGUN = Event(
    "users.import_begun",
    owasp="user_created",
    when=(
        "An operator starts an import; its accounts get no events of their own. `import` in the "
        "details identifies the file and the options."
    ),
)
USERS_IMPORTED = Event(
    "users.imported",
    owasp="user_created",
    when=(
        "An import has finished; `made`, `already_there`, `refused` and `import` in the details."
    ),
)
USERS_EXPORTED = Event(
    "users.exported",
    owasp="sensitive_read",
    when=(
        "An operator starts an export of accounts; in the details the filters, and whether "
        "`password_hashes` are included."
    ),
)
