"""The audit log's state in this process."""

import asyncio

from gatepost.runtime import Runtime
from gatepost.security.keys import Purpose

_LOG = Purpose("gatepost audit log")


class AuditState:
    """The log's key, and whether the log is known to have a head."""

    def __init__(self, runtime: Runtime) -> None:
        self.key = runtime.keys.derive(_LOG)
        self.former_keys = runtime.keys.derive_former(_LOG)
        self.head_seen = asyncio.Event()
        """Set once a head has been seen; the MACs of new rows then prove that there was one."""
