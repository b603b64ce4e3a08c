"""Why a caller or a token can be refused."""

from gatepost.errors import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_INVALID = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class NotAuthenticated(Problem):
    """No token was sent (RFC 6750 section 3: the challenge names no error then)."""

    status = 401
    code = "not_authenticated"
    title = "Log in first"

    def __init__(self) -> None:
        super().__init__(
            "Send an access token: as a bearer token, or in the cookie.", headers=_CHALLENGE
        )


class InvalidToken(Problem):
    """Forged, expired, spent, of another kind, or of a session that has ended: all alike."""

    status = 401
    code = "invalid_token"
    title = "The token is not valid"

    def __init__(self) -> None:
        super().__init__("Log in again, or refresh the session.", headers=_INVALID)

    @property
    def is_final(self) -> bool:
        """Whether it will never be valid: a clock that lags may take a good one for too early."""
        return getattr(self.__cause__, "reason", None) != "not_yet_valid"


class RefreshTokenReplayed(InvalidToken):
    """Answers like any invalid token, so that a thief learns nothing; the session stays ended."""

    keeps_writes = True


class SessionNotFound(Problem):
    status = 404
    code = "not_found"
    title = "There is nothing here"
