"""The steps of a login: the proofs that are required after the first one, in order."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gatepost.errors import Problem
from gatepost.features.accounts.models import Credentials
from gatepost.features.auth import pending_logins
from gatepost.features.auth.pending_logins import LIFETIME
from gatepost.features.callers.authentication import Authentication
from gatepost.work import Work


@dataclass(frozen=True, slots=True)
class UnfinishedLogin:
    """A user who is logging in, and the proofs given so far."""

    user: Credentials
    authentication: Authentication


class Challenge(Protocol):
    """A proof that a step requires before the login can continue."""

    def refusal(self, token: str, lifetime: timedelta) -> Problem:
        """The problem to answer with; `token` continues the login within the `lifetime`."""


class Step(Protocol):
    """A step of the login, which is done or returns a challenge."""

    async def find_challenge(self, work: Work, login: UnfinishedLogin) -> Challenge | None:
        """The proof that is still required; None if this step is done. Must not write."""


STEPS: tuple[Step, ...] = ()
"""In the order in which they are asked; each begins by a proof, which today is a password."""


async def require_all(work: Work, login: UnfinishedLogin) -> None:
    """Raise the problem of the first step that is not done, with a token to continue the login."""
    for step in STEPS:
        challenge = await step.find_challenge(work, login)
        if challenge is not None:
            token = pending_logins.seal(work, login.user, login.authentication)
            raise challenge.refusal(token, LIFETIME)
