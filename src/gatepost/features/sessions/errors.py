"""Refusals of what concerns one session."""

from gatepost.errors import NotFound
from gatepost.features.callers.errors import InvalidToken


class RefreshTokenReplayed(InvalidToken):
    """A spent refresh token came again. The answer is that of any bad token; the session ends."""

    keeps_writes = True


class SessionNotFound(NotFound):
    """There is no such session, or it is another user's: the answer is the same."""
