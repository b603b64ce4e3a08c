"""Access tokens in the `Authorization` field (RFC 6750 section 2.1)."""

from starlette.types import Scope

from gatepost.client.schemes import is_taken
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.sessions.authenticators.access_token import AccessToken
from gatepost.settings import CoreSettings
from gatepost.web.headers import all_of


class BearerToken:
    """Finds the token that follows `Bearer`, or another of the `AUTH_SCHEMES`."""

    def find_credential(self, scope: Scope, settings: CoreSettings) -> AccessToken | None:
        """The token; raises `InvalidToken` for two fields, one of which a proxy may have read."""
        sent = all_of(scope, b"authorization")
        if not sent:
            return None
        if len(sent) > 1:
            raise InvalidToken
        scheme, _, token = sent[0].decode("latin-1").partition(" ")
        if "bearer" not in settings.transports.auth_transports or not is_taken(
            scheme, settings.transports.auth_schemes
        ):
            return None
        return AccessToken(token.strip(), is_ambient=False)
