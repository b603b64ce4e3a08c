"""Why something about an account can be refused."""

from gatepost.errors import Problem


class EmailTaken(Problem):
    status = 409
    code = "email_taken"
    title = "An account with this email address exists"


class UsernameTaken(Problem):
    status = 409
    code = "username_taken"
    title = "An account with this username exists"


class UserNotFound(Problem):
    status = 404
    code = "not_found"
    title = "There is nothing here"


class LastAdmin(Problem):
    """Demoted, disabled or deleted, nobody could undo it."""

    status = 409
    code = "last_admin"
    title = "The last active admin has to stay one"


class UserReferenced(Problem):
    """A foreign key of another application's table keeps the row."""

    status = 409
    code = "user_referenced"
    title = "Rows of another table refer to this account"


class WrongPassword(Problem):
    """The caller is known, so this is a refusal of the change and not of the session."""

    status = 403
    code = "wrong_password"
    title = "The current password is not right"
