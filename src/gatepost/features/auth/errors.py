"""Problems of registrations and logins."""

from gatepost.errors import Problem


class InvalidCredentials(Problem):
    """The login failed; the answer is the same for unknown and disabled users."""

    status = 401
    code = "invalid_credentials"
    title = "The credentials are not right"
    when = (
        "A login names no account, a disabled one, or gives a wrong password: the answer is the "
        "same."
    )
    remedy = "Check both, and try again."
    keeps_writes = True

    def __init__(self) -> None:
        super().__init__(
            "No active account has this name and this password.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class RegistrationClosed(Problem):
    status = 403
    code = "registration_closed"
    title = "Accounts are made by admins only"
    when = "Anybody but an admin registers while registration is closed."
    remedy = "Ask an admin for an account."
