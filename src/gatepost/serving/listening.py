"""Binds the port, before anything else is done."""

import errno
import socket

_BACKLOG = 2048

_REASONS = {
    errno.EADDRINUSE: "another program listens there. Stop it, or choose another --port",
    errno.EACCES: "this user may not. Choose a --port above 1023",
    errno.EADDRNOTAVAIL: "this machine does not have that address. Choose another --host",
}


class CannotListen(Exception):  # noqa: N818 - read as the fact that it states
    """The port cannot be bound. The text says why, and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Bind the port and listen on it; raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: of two processes that have bound it only one can listen.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0, "there is no such address. Choose another --host")
        raise CannotListen(f"Cannot listen on {_join(host, port)}: {reason}.") from error
    listener.set_inheritable(True)
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL at which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://{_join(reachable, port)}"


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
