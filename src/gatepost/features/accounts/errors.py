"""Problems of operations on accounts."""

from gatepost.errors import NotFound, Problem


class EmailTaken(Problem):
    status = 409
    code = "email_taken"
    title = "An account with this email address exists"
    when = "An account with this address exists; upper and lower case are alike."
    remedy = "Log in, or take another address."


class UsernameTaken(Problem):
    status = 409
    code = "username_taken"
    title = "An account with this username exists"
    when = "An account with this username exists; upper and lower case are alike."
    remedy = "Take another username."


class UserNotFound(NotFound):
    """There is no such account."""


class LastAdmin(Problem):
    """The change would leave no active admin, and nobody could give roles any more."""

    status = 409
    code = "last_admin"
    title = "The last active admin has to stay one"
    when = "The last active admin would be demoted, disabled or deleted."
    remedy = "Make another user an admin first."


class UserReferenced(Problem):
    """A foreign key of another application's table keeps the row."""

    status = 409
    code = "user_referenced"
    title = "Rows of another table refer to this account"
    when = (
        "The database is shared, and a foreign key of another application's table forbids the "
        "deletion."
    )
    remedy = (
        "Delete those rows first, or disable the account; a foreign key with `ON DELETE "
        "CASCADE` or `SET NULL` lets accounts be deleted."
    )


class WrongPassword(Problem):
    """The current password is wrong. The session is valid, so this is no 401."""

    status = 403
    code = "wrong_password"
    title = "The current password is not right"
    when = "A change that takes the current password came with another one."
    remedy = "Give the current password."
