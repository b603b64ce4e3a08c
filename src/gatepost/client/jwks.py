"""The issuer's public keys: fetched over HTTP, cached, and fetched again for unknown keys."""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from typing import Final

import httpx

from gatepost.client.jwt import Algorithm, InvalidToken, Key, import_public_key, parse_object

MAX_DOCUMENT_SIZE: Final = 64 * 1024
"""Bytes of a JWK set that are read before it is refused."""

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):  # noqa: N818 - named for the fact, as every refusal here
    """No keys were ever fetched and the issuer does not answer; try again in `retry_after` s."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("the issuer's keys cannot be fetched")
        self.retry_after = retry_after


class RemoteKeys:
    """The keys behind a JWKS URL (RFC 7517, section 5); times in seconds, used from asyncio.

    They are fetched at first use, when older than `max_age`, and when a token names an unknown
    key; at most once in `cool_down`, for all callers together. If the issuer does not answer, the
    last keys stay valid. Raises `ValueError` for a URL that is neither https nor http to this
    machine.
    """

    def __init__(
        self,
        url: str,
        algorithms: Collection[Algorithm],
        *,
        max_age: float,
        cool_down: float,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._url = _checked(url)
        self._algorithms = frozenset(algorithms)
        self._max_age, self._cool_down, self._timeout = max_age, cool_down, timeout
        self._clock = clock
        self._keys: Mapping[str | None, Key] | None = None
        self._fetched_at = self._attempted_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def current(self) -> Mapping[str | None, Key]:
        """The keys by id, fetched again if older than `max_age`; raises `KeysUnavailable`."""
        if self._keys is not None and self._is_within(self._max_age, self._fetched_at):
            return self._keys
        answered_last_time = self._fetched_at >= self._attempted_at
        fetching = self._fetch_unless_cooling_down()
        # If the last fetch failed, fetch in the background and answer with the keys there are.
        if fetching is not None and (self._keys is None or answered_last_time):
            await asyncio.shield(fetching)
        return self._held()

    async def newer(self) -> Mapping[str | None, Key]:
        """The keys after another fetch, which is skipped within `cool_down` of the last one."""
        fetching = self._fetch_unless_cooling_down()
        if fetching is not None:
            await asyncio.shield(fetching)
        return self._held()

    def _held(self) -> Mapping[str | None, Key]:
        if self._keys is None:
            wait = self._attempted_at + self._cool_down - self._clock()
            raise KeysUnavailable(max(1, math.ceil(wait)))
        return self._keys

    def _is_within(self, period: float, since: float) -> bool:
        # A clock that is set back ends a period instead of prolonging it.
        return 0 <= self._clock() - since < period

    def _fetch_unless_cooling_down(self) -> asyncio.Task[None] | None:
        """The running fetch, or a new one; its callers share it, shielded from cancellation."""
        under_way = self._fetching
        if under_way is not None and not under_way.done():
            # A fetch of an event loop that was closed never finishes.
            if under_way.get_loop() is asyncio.get_running_loop():
                return under_way
        elif self._is_within(self._cool_down, self._attempted_at):
            return None
        self._attempted_at = self._clock()
        self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                document = await _download(self._url)
            self._keys = _read_key_set(document, self._algorithms)
            self._fetched_at = self._clock()
        except (httpx.HTTPError, ValueError, TimeoutError, InvalidToken) as error:
            # Only the error's type: its message may quote the answer.
            _log.warning("The JWKS could not be fetched: %s", type(error).__name__)


def _checked(url: str) -> httpx.URL:
    parsed = httpx.URL(url)
    if parsed.userinfo or not parsed.host:
        raise ValueError("a JWKS URL has a host, and no user name or password")
    if parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host)):
        return parsed
    raise ValueError("a JWKS URL is https, or http to this machine: keys in clear can be swapped")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _download(url: httpx.URL) -> bytes:
    """Read the document; a redirect, another status or a long body: `ValueError`."""
    # A proxy from the environment cannot reach a server on this machine.
    async with httpx.AsyncClient(follow_redirects=False, trust_env=url.scheme == "https") as client:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError("not a 200")
            body = bytearray()
            # Raw: an answer that is compressed anyway is not decompressed, and is then no JSON.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_DOCUMENT_SIZE:
                    raise ValueError("too long")
            return bytes(body)


def _read_key_set(document: bytes, algorithms: Collection[Algorithm]) -> dict[str | None, Key]:
    entries = parse_object(document).get("keys")
    if not isinstance(entries, list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - of the document, not of an argument
    keys: dict[str | None, Key] = {}
    for entry in entries:
        key = _read_key(entry)
        if key is not None and key.algorithm in algorithms:
            keys.setdefault(key.kid, key)
    if not keys:
        _log.warning("The JWKS holds no key that access tokens may be signed with.")
    return keys


def _read_key(entry: object) -> Key | None:
    """RFC 7517, section 5: keys that are not understood, or out of range, are ignored."""
    try:
        return import_public_key(entry) if isinstance(entry, dict) else None
    except ValueError:
        return None
