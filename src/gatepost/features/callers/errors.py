"""Refusals of a caller: no credential, a bad one, or too few rights."""

from gatepost.errors import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class NotAuthenticated(Problem):
    """The request carries no credential (RFC 6750 section 3: the challenge names no error then)."""

    status = 401
    code = "not_authenticated"
    title = "Log in first"
    when = "The request carries no token."
    remedy = "Log in, and send `Authorization: Bearer` with the access token, or the cookies."

    def __init__(self) -> None:
        super().__init__(
            "Send an access token: as a bearer token, or in the cookie.", headers=_CHALLENGE
        )


class InvalidToken(Problem):
    """The token is forged, expired, used, of another kind, or its session has ended."""

    status = 401
    code = "invalid_token"
    title = "The token is not valid"
    when = "The token is forged, expired, spent, of another kind, or its session has ended."
    remedy = "Refresh the session once; if the refresh token is refused too, log in again."

    def __init__(self) -> None:
        super().__init__("Log in again, or refresh the session.", headers=_INVALID)

    @property
    def is_final(self) -> bool:
        """False for a token that is not valid yet, by a clock that lags: it may become valid."""
        return getattr(self.__cause__, "reason", None) != "not_yet_valid"


class PermissionDenied(Problem):
    """The caller is authenticated, and lacks the role or the scope."""

    status = 403
    code = "permission_denied"
    title = "Your role does not allow this"
    when = "The caller is known, and their role does not allow this."
    remedy = "Ask an admin."


CALLER_REFUSALS = (NotAuthenticated, InvalidToken)
"""Problems that every operation with a caller can return."""
