"""Gives back to the system what a thread's own heap keeps of freed memory, where that is glibc's.

An Argon2 hash works in some 20 MiB. The C library keeps them for the next one, rightly
while there is one: to be given fresh pages takes a third of a hash's time. Its
`malloc_trim` does not look at the end of a thread's own heap; that shrinks when something
large is freed in it while the library's threshold is low.
"""

import ctypes
import functools
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_LARGE_BYTES: Final = 128 * 1024
"""More than the 64 KiB from which a heap that something is freed in is looked at."""

_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Twice the largest block that comes from a heap at all: what the library itself arrives at."""


def trim_thread_heap() -> None:
    """Shrink the heap of the thread that calls this, if nothing of it is in use at its end."""
    library = _library()
    if library is None:
        return
    library.mallopt(_M_TRIM_THRESHOLD, 0)
    try:
        library.free(library.malloc(_LARGE_BYTES))
    finally:
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The C library, if it is glibc: others keep less, and have no such switch."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    return library
