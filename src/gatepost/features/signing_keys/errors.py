"""Errors of the key ring."""

from gatepost.errors import Problem


class SigningKeysUnreadable(Problem):
    """The keys were encrypted under another `SECRET_KEY`, or have been altered."""

    status = 503
    code = "signing_keys_unreadable"
    title = "The keys of access tokens cannot be read"
    when = (
        "The private keys in the database were encrypted under another `SECRET_KEY`, or changed "
        "since."
    )
    remedy = "Tell the operator, who sets that `SECRET_KEY` again."

    def __init__(self) -> None:
        super().__init__(
            "The service's operator has to look into this.", headers={"Retry-After": "60"}
        )
