"""Logs out: by the access token, or by the refresh token if the access token has expired."""

from collections.abc import Callable

from gatepost.features.callers.authenticators import Credential
from gatepost.features.callers.errors import InvalidToken, NotAuthenticated
from gatepost.features.sessions import service as sessions
from gatepost.work import Work


async def log_out(
    work: Work, credential: Credential | None, find_refresh_token: Callable[[], str | None]
) -> None:
    """End the session of the credential, or else that of the refresh token.

    A bad credential in a header is refused; a bad cookie is ignored. Raises `NotAuthenticated` or
    `InvalidToken`.
    """
    if credential is None:
        await _end_by_refresh_token(work, find_refresh_token(), NotAuthenticated())
        return
    try:
        caller = await credential.load(work)
    except InvalidToken as refusal:
        refresh_token = find_refresh_token() if credential.is_ambient else None
        await _end_by_refresh_token(work, refresh_token, refusal)
        return
    await work.write(sessions.end, caller.principal)


async def _end_by_refresh_token(
    work: Work, refresh_token: str | None, refusal: NotAuthenticated | InvalidToken
) -> None:
    if refresh_token is None:
        raise refusal
    await work.write(sessions.end_by_refresh_token, refresh_token)
