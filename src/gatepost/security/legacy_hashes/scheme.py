"""What every scheme can do whose hashes are verified, but never made."""

from typing import Protocol


class Scheme(Protocol):
    """One way of hashing passwords, known by the form of its hashes."""

    max_bytes: int | None
    """The longest password it reads to its end; None where there is no such bound."""

    def identify(self, hashed: str) -> bool:
        """Tell whether `hashed` is one of this scheme's, and within the cost limit."""

    def verify(self, password: bytes, hashed: str) -> bool:
        """Tell whether `hashed`, which is recognised, was made of `password`.

        Compares in constant time. Raises `ValueError` if the hash turns out not to be one.
        """
