"""Firebase's modified scrypt: a key derived from the password encrypts the project's signer key."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gatepost.security.legacy_hashes import phc
from gatepost.security.legacy_hashes.scrypt import ScryptCost, derive

_SCHEME = "firebase-scrypt"
_NAMES = ("k", "ln", "r")
_AES_KEY_BYTES = 32
_FIRST_COUNTER = bytes(16)


class FirebaseScrypt:
    """`$firebase-scrypt$k=0a1b2c3d,ln=14,r=8$salt$digest`.

    `k` is the id of the signer key; the salt ends with the project's salt separator. Verifying
    needs that signer key.
    """

    max_bytes: int | None = None

    def __init__(self, signer_key: bytes | None) -> None:
        """`signer_key` is that of the Firebase project whose users were imported."""
        self._signer_key = signer_key or b""
        self._key_id = None if signer_key is None else key_id(signer_key)

    def identify(self, hashed: str) -> bool:
        pieces = phc.parse(hashed, (_SCHEME,), _NAMES)
        if pieces is None or pieces.parameters["k"] != self._key_id:
            return False
        return len(pieces.digest) == len(self._signer_key) and _cost_of(pieces).is_within_cost_limit

    def verify(self, password: bytes, hashed: str) -> bool:
        pieces = phc.parse(hashed, (_SCHEME,), _NAMES)
        if pieces is None:
            raise ValueError("not a Firebase hash")
        key = derive(password, pieces.salt, _cost_of(pieces), _AES_KEY_BYTES)
        encryptor = Cipher(algorithms.AES256(key), modes.CTR(_FIRST_COUNTER)).encryptor()
        encrypted = encryptor.update(self._signer_key)
        return hmac.compare_digest(encrypted, pieces.digest)


def key_id(signer_key: bytes) -> str:
    """Return the key's id: 32 bits of a SHA-256 over it."""
    return hashlib.sha256(b"firebase signer key" + signer_key).hexdigest()[:8]


def stored(*, key: str, mem_cost: int, rounds: int, salt: bytes, digest: bytes) -> str:
    """Return the stored form; `key` is the signer key's id, `salt` ends with the separator."""
    parameters = {"k": key, "ln": str(mem_cost), "r": str(rounds)}
    return str(phc.Phc(_SCHEME, parameters, salt, digest))


def _cost_of(pieces: phc.Phc) -> ScryptCost:
    ln, r = (phc.number(pieces.parameters[name]) for name in ("ln", "r"))
    return ScryptCost(ln, r, 1)
