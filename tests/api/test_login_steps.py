"""A login may ask for more than its first proof: it is kept half-done, and taken up once."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from gatepost import Principal
from gatepost.errors import Problem
from gatepost.features.accounts import service as accounts
from gatepost.features.auth import login, steps
from gatepost.features.auth.steps import UnfinishedLogin
from gatepost.features.callers.authentication import Authentication, Factor, Proof
from gatepost.features.callers.cache import cache_of
from gatepost.features.callers.errors import InvalidToken
from gatepost.features.sessions.models import Session
from gatepost.features.sessions.tokens import TokenPair
from gatepost.work import Work
from tests.support.clock import NOON
from tests.support.service import PASSWORD, Service, bearer, log_in, sign_up
from tests.support.tokens import claims_of

pytestmark = pytest.mark.anyio

ADA = {"email": "ada@example.com", "password": PASSWORD}


class MoreIsNeeded(Problem):
    status = 403
    code = "more_is_needed"
    title = "Give the second proof, too"


class WrongAnswer(Problem):
    status = 401
    code = "wrong_answer"
    title = "That is wrong"


class SecondFactor:
    """Asks for a second factor; and it is the challenge, too."""

    async def find_challenge(self, _: Work, login: UnfinishedLogin) -> "SecondFactor | None":
        return None if login.authentication.acr == "aal2" else self

    def refusal(self, token: str, lifetime: timedelta) -> Problem:
        return MoreIsNeeded(mfa_token=token, expires_in=int(lifetime.total_seconds()))


async def right(work: Work, _: UnfinishedLogin) -> Proof:
    return Proof("totp", work.now, ("otp",), frozenset({Factor.POSSESSION}))


async def wrong(_: Work, __: UnfinishedLogin) -> Proof:
    raise WrongAnswer


async def begin(client: httpx.AsyncClient) -> str:
    answer = await client.post("/auth/login", json=ADA)
    assert (answer.status_code, answer.json()["code"]) == (403, "more_is_needed")
    assert answer.json()["expires_in"] == 300
    assert not answer.cookies
    token: str = answer.json()["mfa_token"]
    return token


async def resume(service: Service, token: str, prove: login.Prove = right) -> TokenPair:
    async with service.work() as work:
        return await login.resume(work, token, prove)


async def principal_of(service: Service, access_token: str) -> Principal:
    async with service.open_client() as client:
        answer = await client.get("/users/me", headers=bearer(access_token))
        assert answer.status_code == 200
    session_id = claims_of(access_token)["sid"]
    caller = cache_of(service.runtime).find(session_id, service.clock.now())
    assert caller is not None
    return caller.principal


@pytest.fixture
async def pending(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of a login that was asked for a second proof."""
    await sign_up(client)
    monkeypatch.setattr(steps, "STEPS", (SecondFactor(),))
    return await begin(client)


async def test_a_password_alone_is_one_factor(client: httpx.AsyncClient, service: Service) -> None:
    account = await sign_up(client)
    principal = await principal_of(service, account.access_token)
    assert (principal.method, principal.amr, principal.acr) == ("password", ("pwd",), "aal1")
    assert principal.client_id is None


async def test_a_refresh_changes_nothing_of_how_it_was_proved(
    client: httpx.AsyncClient, service: Service
) -> None:
    account = await sign_up(client)
    first = await principal_of(service, account.access_token)
    service.clock.advance(timedelta(minutes=5))
    answer = await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    assert await principal_of(service, answer.json()["access_token"]) == first


async def test_a_login_that_was_challenged_goes_on_with_both_proofs(
    pending: str, service: Service
) -> None:
    service.clock.advance(timedelta(minutes=4))
    pair = await resume(service, pending)
    principal = await principal_of(service, pair.access_token)
    assert (principal.amr, principal.acr) == (("pwd", "otp", "mfa"), "aal2")
    assert (principal.method, principal.auth_time) == ("password", service.clock.now())


async def test_a_challenge_starts_no_session(pending: str, service: Service) -> None:
    async with service.open_client() as client:
        assert (await client.get("/users/me", headers=bearer(pending))).status_code == 401
    async with service.work() as work:
        assert await work.db.scalar(select(func.count()).select_from(Session)) == 1  # the sign-up's


async def test_it_is_taken_up_once_however_many_try_at_once(pending: str, service: Service) -> None:
    outcomes = await asyncio.gather(
        *(resume(service, pending) for _ in range(4)), return_exceptions=True
    )
    assert [type(each) for each in outcomes].count(TokenPair) == 1
    assert [type(each) for each in outcomes].count(InvalidToken) == 3
    with pytest.raises(InvalidToken):
        await resume(service, pending)


async def test_five_wrong_proofs_end_it(pending: str, service: Service) -> None:
    for _ in range(5):
        with pytest.raises(WrongAnswer):
            await resume(service, pending, wrong)
    with pytest.raises(InvalidToken):
        await resume(service, pending)


async def test_a_wrong_proof_before_the_right_one_does_no_harm(
    pending: str, service: Service
) -> None:
    with pytest.raises(WrongAnswer):
        await resume(service, pending, wrong)
    assert await resume(service, pending)


async def test_it_ends_after_five_minutes(pending: str, service: Service) -> None:
    service.clock.advance(timedelta(minutes=5))
    with pytest.raises(InvalidToken):
        await resume(service, pending)


async def test_it_ends_with_a_change_of_password(
    pending: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEPS", ())
    async with service.open_client() as client:
        access_token = (await log_in(client))["access_token"]
        service.clock.advance(timedelta(seconds=1))
        body = {"current_password": PASSWORD, "new_password": "another long sentence of mine"}
        headers = bearer(access_token)
        changed = await client.post("/users/me/password", json=body, headers=headers)
        assert changed.status_code == 200
    with pytest.raises(InvalidToken):
        await resume(service, pending)


async def test_it_ends_when_its_user_is_disabled(pending: str, service: Service) -> None:
    async with service.work() as work:
        user = await accounts.find_by_login(work, ADA["email"])
        assert user is not None
        await accounts.disable(work, user.id)
    with pytest.raises(InvalidToken):
        await resume(service, pending)


@pytest.mark.parametrize(
    "token", ["", "{token}AAAA", "\u00e9{token}", "{token}{token}", "{half}", "{access_token}"]
)
async def test_nothing_else_is_such_a_token(
    client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    account = await sign_up(client)
    monkeypatch.setattr(steps, "STEPS", (SecondFactor(),))
    good = await begin(client)
    half = good[: len(good) // 2]
    bad = token.format(token=good, half=half, access_token=account.access_token)
    with pytest.raises(InvalidToken):
        await resume(service, bad)
    assert await resume(service, good)


KNOWN, HELD = frozenset({Factor.KNOWLEDGE}), frozenset({Factor.POSSESSION})


@pytest.mark.parametrize(
    ("proofs", "amr", "acr"),
    [
        ([(("pwd",), KNOWN)], ("pwd",), "aal1"),
        ([(("pwd",), KNOWN), (("otp",), HELD)], ("pwd", "otp", "mfa"), "aal2"),
        ([(("pwd",), KNOWN), (("pwd",), KNOWN)], ("pwd",), "aal1"),
        ([(("email",), HELD), (("otp",), HELD)], ("email", "otp"), "aal1"),
        ([(("hwk", "user"), KNOWN | HELD)], ("hwk", "user", "mfa"), "aal2"),
    ],
)
def test_two_different_factors_are_the_second_level(
    proofs: list[tuple[tuple[str, ...], frozenset[Factor]]], amr: tuple[str, ...], acr: str
) -> None:
    given = tuple(Proof("x", NOON, values, factors) for values, factors in proofs)
    authentication = Authentication(given)
    assert (authentication.amr, authentication.acr) == (amr, acr)


def test_no_proof_is_no_authentication() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Authentication(())
