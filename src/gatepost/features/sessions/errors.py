"""Problems of operations on sessions."""

from gatepost.errors import NotFound
from gatepost.features.callers.errors import InvalidToken


class RefreshTokenReplayed(InvalidToken):
    """A used refresh token was replayed. The session ends; the answer is that of any bad token."""

    keeps_writes = True


class SessionNotFound(NotFound):
    """There is no such session, or it is another user's: the answer is the same."""
