"""An access token as a credential."""

from dataclasses import dataclass

from gatepost.features.callers.cache import CachedCaller
from gatepost.features.sessions import service as sessions
from gatepost.runtime import Runtime
from gatepost.work import Work


@dataclass(slots=True, eq=False)
class AccessToken:
    """An access token (RFC 9068) that was sent; nothing of it is verified yet."""

    token: str
    is_ambient: bool

    def find_cached(self, runtime: Runtime) -> CachedCaller | None:
        return sessions.find_cached(runtime, self.token)

    async def load(self, work: Work) -> CachedCaller:
        return await sessions.load(work, self.token)
