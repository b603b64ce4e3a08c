"""An authentication: the proofs of identity that a user has given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

AAL1: Final = "aal1"
AAL2: Final = "aal2"
"""Authenticator assurance levels of NIST SP 800-63B: one factor, and two different ones."""

MULTIPLE_FACTORS: Final = "mfa"


class Factor(StrEnum):
    """The kinds of authentication factors (NIST SP 800-63, section 4)."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: by which `method`, and when.

    `method` is Gatepost's name of it, such as `password`; `amr` are its values in RFC 8176, and
    `factors` the factors that it proves. `detail` is JSON, such as the id of a security key.
    """

    method: str
    at: datetime
    amr: tuple[str, ...]
    factors: frozenset[Factor]
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authentication:
    """The proofs of one login, in the order in which they were given; at least one."""

    proofs: tuple[Proof, ...]

    def __post_init__(self) -> None:
        if not self.proofs:
            raise ValueError("nothing was proved")

    def with_proof(self, proof: Proof) -> "Authentication":
        """The same authentication with one more proof."""
        return Authentication((*self.proofs, proof))

    @property
    def method(self) -> str:
        """The method of the first proof."""
        return self.proofs[0].method

    @property
    def at(self) -> datetime:
        """The time of the latest proof (`auth_time`, OpenID Connect Core 1.0 section 2)."""
        return self.proofs[-1].at

    @property
    def amr(self) -> tuple[str, ...]:
        """The methods by which the user was authenticated (RFC 8176), each once."""
        values = [value for proof in self.proofs for value in proof.amr]
        if self.acr == AAL2:
            values.append(MULTIPLE_FACTORS)
        return tuple(dict.fromkeys(values))

    @property
    def acr(self) -> str:
        """`aal2` if two different factors were proved, else `aal1`."""
        factors = frozenset[Factor]().union(*(proof.factors for proof in self.proofs))
        return AAL2 if len(factors) > 1 else AAL1
