"""Warns at start if all clients come by a Unix socket, so that they have no addresses."""

import asyncio
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from gatepost.settings.protection import UNIX, ProtectionSettings

log = logging.getLogger(__name__)

# uvicorn listens once the application has started, and others before.
_PAUSES = (0.0, 0.1, 0.5, 2.0)

_OWN_DESCRIPTORS = Path("/dev/fd")


async def warn_of_unknown_clients(settings: ProtectionSettings) -> None:
    """Warn if this process listens at a Unix socket that `TRUSTED_PROXIES` does not name."""
    if UNIX in settings.trusted_proxies:
        return
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        if any(_is_listening_at_a_path(each) for each in _descriptors()):
            log.warning(
                "clients.unknown",
                extra={
                    "note": "Behind a Unix socket all clients are one to limits, lockout and audit "
                    "log: let the proxy send X-Forwarded-For, and add unix to TRUSTED_PROXIES."
                },
            )
            return


def _descriptors() -> Iterator[int]:
    """The open file descriptors of this process; none on systems other than Linux and macOS."""
    with suppress(OSError):
        yield from (int(name) for name in os.listdir(_OWN_DESCRIPTORS) if name.isdigit())  # noqa: PTH208 - names, not paths


def _is_listening_at_a_path(descriptor: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with closing(socket.socket(fileno=os.dup(descriptor))) as same:
            is_unix = same.family == getattr(socket, "AF_UNIX", None)
            return is_unix and bool(same.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:  # closed meanwhile
        return False
