"""Access tokens in the cookie that a login sets."""

from starlette.types import Scope

from gatepost.features.callers.errors import InvalidToken
from gatepost.features.sessions.authenticators.access_token import AccessToken
from gatepost.settings import CoreSettings, TransportSettings
from gatepost.web.cookies import ACCESS_COOKIE, TwoCookiesError, sent_cookie


class TokenCookie:
    """Finds the token that a browser sends by itself."""

    def find_credential(self, scope: Scope, settings: CoreSettings) -> AccessToken | None:
        """The token; raises `InvalidToken` as `find_token_cookie` does."""
        token = find_token_cookie(scope, ACCESS_COOKIE, settings.transports)
        return None if token is None else AccessToken(token, is_ambient=True)


def find_token_cookie(scope: Scope, name: str, settings: TransportSettings) -> str | None:
    """The token in this cookie; None if there is none, or where cookies carry no tokens.

    Raises `InvalidToken` for two different ones: a site beside ours may have set the other.
    """
    if "cookie" not in settings.auth_transports:
        return None
    try:
        return sent_cookie(scope, name) or None
    except TwoCookiesError:
        raise InvalidToken from None
