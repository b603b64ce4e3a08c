"""The state of sessions in this process."""

from gatepost.features.sessions.ids import SessionIds
from gatepost.runtime import Runtime
from gatepost.security.keys import Purpose
from gatepost.security.tokens import secret_key

_REFRESH_TOKENS = Purpose("gatepost refresh token")
_TOKEN_IDS = Purpose("gatepost token id")


class SessionsState:
    """The keys of refresh tokens and of token ids, and the generator of session ids.

    The key of refresh tokens is set or derived, and differs from that of access tokens.
    """

    def __init__(self, runtime: Runtime) -> None:
        given = runtime.settings.tokens.jwt_refresh_secret_key
        self.refresh_key = secret_key("HS256", given or runtime.keys.derive(_REFRESH_TOKENS))
        self.token_id_key = runtime.keys.derive(_TOKEN_IDS)
        self.ids = SessionIds()
