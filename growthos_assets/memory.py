"""How a process of the command deals with memory: few searches for garbage, and what is free goes back to the system.

Without this a large history takes a tenth more memory at its peak, none of which holds anything.
"""

import ctypes
import gc
import os

COLLECT_AFTER = 20_000
"""New objects between two garbage collections. With Python's 700 they take a tenth of a run: nearly all that they look
through is code and declarations, which stay."""

POLARS_ALLOCATOR = "_RJEM_MALLOC_CONF"
M_ARENA_MAX = -8  # of glibc's malloc.h


def tidy() -> None:
    """Set this process up, and those that it starts. To be called before polars is loaded, which looks just once."""
    gc.set_threshold(COLLECT_AFTER)
    # jemalloc else keeps pages that nobody uses for as long as the system has others
    os.environ.setdefault(POLARS_ALLOCATOR, "muzzy_decay_ms:0")
    # glibc else lets each of a dozen threads keep what it has freed to itself
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # it is, where the C library is glibc
        mallopt(M_ARENA_MAX, int(os.environ["MALLOC_ARENA_MAX"]))
