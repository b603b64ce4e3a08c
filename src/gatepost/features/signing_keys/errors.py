"""Why the key ring can be of no use."""

from gatepost.errors import Problem


class SigningKeysUnreadable(Problem):
    """They were encrypted under another `SECRET_KEY`, or changed since."""

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
