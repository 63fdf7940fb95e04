"""What the command's process does with memory: threads share one heap, and polars' allocator hears of its setting."""

import ctypes
import os
import subprocess
import sys

import pytest

from growthos_assets.memory import POLARS_ALLOCATOR

HEAPS = """
import ctypes, threading
from growthos_assets import memory
{first}
held, met = [], threading.Barrier(4)
def allocate():
    held.append(bytearray(50_000))
    met.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fflush(ctypes.c_void_p(out))
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", POLARS_ALLOCATOR)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env={**ours, **environment}, capture_output=True, text=True, check=True)


# other C libraries have no such heaps to share, and memory.tidy() leaves them alone
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has heaps of threads")
def test_threads_share_one_heap() -> None:
    assert run(HEAPS.format(first="")).stdout.count("<heap") > 1
    assert run(HEAPS.format(first="memory.tidy()")).stdout.count("<heap") == 1


def test_polars_allocator_takes_what_it_is_told() -> None:
    tidied = "from growthos_assets import memory; memory.tidy(); import polars"
    assert "Invalid conf" in run(tidied, **{POLARS_ALLOCATOR: "nonsense:0"}).stderr  # so it does look there
    assert "Invalid conf" not in run(tidied).stderr
