"""Returns the freed memory of a thread's heap (arena) to the system, with glibc.

An Argon2 hash uses some 20 MiB. The C library keeps them for the next hash, which is right
while hashes follow each other: getting fresh pages takes a third of a hash's time. `malloc_trim`
does not trim the top of a thread's arena; the arena shrinks when a large block is freed in it
while the trim threshold is low.
"""

import ctypes
import functools
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_LARGE_BYTES: Final = 128 * 1024
"""More than 64 KiB, from which size on a `free` makes glibc consider trimming the heap."""

_KEPT_BYTES: Final = 64 * 1024 * 1024
"""Twice the largest `mmap` threshold, which is the value that glibc's own tuning arrives at."""


def trim_thread_heap() -> None:
    """Shrink the calling thread's heap, if the memory at its top is free."""
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
    """The C library if it is glibc, else None: others keep less memory and have no `mallopt`."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    return library
