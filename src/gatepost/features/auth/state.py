"""The state of logins in this process."""

from gatepost.runtime import Runtime
from gatepost.security.encryption import Cipher
from gatepost.security.keys import Purpose

_PENDING_LOGINS = Purpose("gatepost pending logins")


class AuthState:
    """The cipher of the tokens of pending logins."""

    def __init__(self, runtime: Runtime) -> None:
        self.cipher = Cipher(runtime.keys.derive(_PENDING_LOGINS))
