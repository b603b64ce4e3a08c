"""What is encrypted opens with its own key in its own place, and nowhere else."""

import os

import pytest

from gatepost.security.encryption import Cipher, DecryptionFailed

KEY = bytes(range(32))
CONTEXT = b"users/1/totp"


@pytest.mark.parametrize("plaintext", [b"", b"x", b"JBSWY3DPEHPK3PXP", os.urandom(10_000)])
def test_what_was_encrypted_is_read_back(plaintext: bytes) -> None:
    sealed = Cipher(KEY).encrypt(plaintext, context=CONTEXT)
    assert Cipher(KEY).decrypt(sealed, context=CONTEXT) == plaintext


def test_the_text_does_not_show() -> None:
    assert b"JBSWY3DPEHPK3PXP" not in Cipher(KEY).encrypt(b"JBSWY3DPEHPK3PXP", context=CONTEXT)


def test_another_key_opens_nothing() -> None:
    sealed = Cipher(KEY).encrypt(b"secret", context=CONTEXT)
    with pytest.raises(DecryptionFailed):
        Cipher(bytes(32)).decrypt(sealed, context=CONTEXT)


def test_a_ciphertext_moved_to_another_user_does_not_open() -> None:
    cipher = Cipher(KEY)
    sealed = [cipher.encrypt(b"secret", context=b"users/%d/totp" % user) for user in (1, 2)]
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(sealed[0], context=b"users/2/totp")
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(sealed[1], context=b"users/1/totp")


def test_any_flipped_bit_is_noticed() -> None:
    cipher = Cipher(KEY)
    sealed = cipher.encrypt(b"secret", context=CONTEXT)
    for bit in range(8 * len(sealed)):
        forged = bytearray(sealed)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(bytes(forged), context=CONTEXT)


def test_any_shortened_or_lengthened_ciphertext_is_refused() -> None:
    cipher = Cipher(KEY)
    sealed = cipher.encrypt(b"secret", context=CONTEXT)
    for forged in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(forged, context=CONTEXT)


def test_a_failure_says_nothing_of_its_cause() -> None:
    cipher = Cipher(KEY)
    with pytest.raises(DecryptionFailed) as failure:
        cipher.decrypt(cipher.encrypt(b"secret", context=CONTEXT), context=b"other")
    assert str(failure.value) == ""
    assert failure.value.__cause__ is None


def test_no_nonce_is_used_twice() -> None:
    cipher = Cipher(KEY)
    nonces = {cipher.encrypt(b"same", context=CONTEXT)[1:13] for _ in range(10_000)}
    assert len(nonces) == 10_000


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(bytes(size))


def test_a_cipher_does_not_show_its_key() -> None:
    assert repr(KEY)[2:-1] not in repr(Cipher(KEY))
