"""The interface of the schemes whose hashes are verified."""

from typing import Protocol


class Scheme(Protocol):
    """A password hashing scheme, identified by the text form of its hashes."""

    max_bytes: int | None
    """The longest password that it hashes in full, in bytes; None if unlimited."""

    def identify(self, hashed: str) -> bool:
        """Return whether `hashed` is a hash of this scheme within the cost limit."""

    def verify(self, password: bytes, hashed: str) -> bool:
        """Return whether `hashed`, which `identify` accepts, was made of `password`.

        Compares in constant time. Raises `ValueError` if the hash is malformed after all.
        """
