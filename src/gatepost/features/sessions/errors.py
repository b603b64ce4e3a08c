"""Refusals of what concerns one session."""

from gatepost.errors import Problem
from gatepost.features.callers.errors import InvalidToken


class RefreshTokenReplayed(InvalidToken):
    """A spent refresh token came again. The answer is that of any bad token; the session ends."""

    keeps_writes = True


class SessionNotFound(Problem):
    status = 404
    code = "not_found"
    title = "There is nothing here"
