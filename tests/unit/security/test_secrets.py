"""Secrets are unguessable, and only their digests are kept."""

import hashlib

from gatepost.security import secrets


def test_a_secret_has_256_bits_in_characters_safe_in_a_url() -> None:
    secret = secrets.new_secret()
    assert len(secret) == 43
    assert secret.replace("-", "").replace("_", "").isalnum()
    assert secret.isascii()


def test_no_two_secrets_are_the_same() -> None:
    assert len({secrets.new_secret() for _ in range(10_000)}) == 10_000


def test_a_digest_is_the_sha_256_of_the_secret() -> None:
    assert secrets.digest("abc") == hashlib.sha256(b"abc").digest()


def test_a_nonsense_secret_has_a_digest_too() -> None:
    assert len(secrets.digest("\ud800\0")) == 32
    assert secrets.digest("\ud800") != secrets.digest("\udfff")
