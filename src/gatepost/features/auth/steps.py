"""The steps of a login: what a user has to prove beyond the first proof, in order."""

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
    """A user who is logging in, and what they have proved so far."""

    user: Credentials
    authentication: Authentication


class Challenge(Protocol):
    """What a step asks for before the login goes on."""

    def refusal(self, token: str, lifetime: timedelta) -> Problem:
        """The answer to this login; by the `token` it is taken up again within the `lifetime`."""


class Step(Protocol):
    """One step: done, or a challenge."""

    async def find_challenge(self, work: Work, login: UnfinishedLogin) -> Challenge | None:
        """What the user has yet to prove; None if this step is done. It only reads."""


STEPS: tuple[Step, ...] = ()
"""In the order in which they are asked; each begins by a proof, which today is a password."""


async def require_all(work: Work, login: UnfinishedLogin) -> None:
    """Raise the refusal of the first step that is not done, with a token to take up the login."""
    for step in STEPS:
        challenge = await step.find_challenge(work, login)
        if challenge is not None:
            token = pending_logins.seal(work, login.user, login.authentication)
            raise challenge.refusal(token, LIFETIME)
