"""The state of signing keys in this process."""

from gatepost.runtime import Runtime
from gatepost.security.encryption import Cipher
from gatepost.security.key_ring import KeyRing
from gatepost.security.keys import Purpose

_PRIVATE_KEYS = Purpose("gatepost key ring")


class SigningKeysState:
    """The keys as last read, and the cipher of stored private keys."""

    def __init__(self, runtime: Runtime) -> None:
        self.ring = KeyRing()
        self.cipher = Cipher(runtime.keys.derive(_PRIVATE_KEYS))
