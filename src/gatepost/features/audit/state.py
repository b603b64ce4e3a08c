"""What the audit log keeps in this process."""

import asyncio

from gatepost.runtime import Runtime
from gatepost.security.keys import Purpose

_LOG = Purpose("gatepost audit log")


class AuditState:
    """The log's keys, and whether it is known to have a head."""

    def __init__(self, runtime: Runtime) -> None:
        self.key = runtime.keys.derive(_LOG)
        self.former_keys = runtime.keys.derive_former(_LOG)
        self.head_seen = asyncio.Event()
        """Set once a head has been seen, as new rows then say."""
