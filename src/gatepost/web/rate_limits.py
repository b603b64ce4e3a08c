"""Rate limits in HTTP: the 429, the `RateLimit` headers, and the limits of single routes."""

from collections.abc import Sequence

from fastapi import Depends, Request, params
from starlette.types import Scope

from gatepost.errors import Problem
from gatepost.stores.rate_limit import LimitState
from gatepost.web.client_address import client_address
from gatepost.web.runtimes import runtime_of

_KEPT_AS = "gatepost.limits_spent"


class RateLimited(Problem):
    """`Retry-After` is never earlier than the window's own reset."""

    status = 429
    code = "rate_limited"
    title = "Too many requests: wait before the next"
    when = "A client sends more requests, logins, registrations or refreshes than it may."
    remedy = (
        "Wait as long as `Retry-After` says. The limits are `RATE_LIMIT_REQUESTS` and the other "
        "`RATE_LIMIT_...` settings."
    )

    def __init__(self, spent: LimitState) -> None:
        super().__init__(headers={"Retry-After": str(spent.resets_in_seconds)})


async def spend(scope: Scope, name: str, amount: int = 1) -> None:
    """Spend an amount of the client's limit of this name; raises `RateLimited`.

    Call it outside of a transaction.
    """
    runtime = runtime_of(scope)
    address = client_address(scope, runtime.settings.protection.trusted_proxies)
    spent = await runtime.rate_limits.spend(name, address, amount)
    if spent is None:
        return
    scope.setdefault(_KEPT_AS, []).append(spent)
    if not spent.allowed:
        raise RateLimited(spent)


def spent_by(scope: Scope) -> Sequence[LimitState]:
    """The limits that this request has spent so far."""
    spent: Sequence[LimitState] = scope.get(_KEPT_AS, ())
    return spent


class _Limited:
    """A dependency that spends one of a limit."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, request: Request) -> None:
        await spend(request.scope, self.name)


def limited(name: str) -> params.Depends:
    """For a route's `dependencies`: each request spends one of the limit of this name."""
    dependency: params.Depends = Depends(_Limited(name))
    return dependency


def limit_fields(spent: Sequence[LimitState]) -> list[tuple[bytes, bytes]]:
    """The header fields about an answer's limits, the general one first.

    `RateLimit` and `RateLimit-Policy` are structured fields (draft-ietf-httpapi-ratelimit-headers,
    RFC 9651) that list every limit; the older `X-RateLimit-...` fields have the tightest alone,
    its reset in seconds from now.
    """
    first = spent[0]
    if len(spent) == 1:
        policies, states, tightest = first.policy, first.state, first
    else:
        policies = ", ".join([each.policy for each in spent])
        states = ", ".join([each.state for each in spent])
        tightest = min(spent, key=lambda each: each.remaining)
    return [
        (b"ratelimit-policy", policies.encode()),
        (b"ratelimit", states.encode()),
        (b"x-ratelimit-limit", b"%d" % tightest.quota.amount),
        (b"x-ratelimit-remaining", b"%d" % tightest.remaining),
        (b"x-ratelimit-reset", b"%d" % tightest.resets_in_seconds),
    ]
