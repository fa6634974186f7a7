import subprocess
import sys

PROGRAM = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from comparemaskface.web.allocator import return_freed_memory


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


def use_and_free(number: int) -> list[bytearray]:
    kept = []
    for size in (20, 10, 9, 8):  # the largest first: once it is freed, glibc puts the others on a heap
        blocks = [bytearray(size * 2**20) for _ in range(2)]
        kept.append(bytearray(1000 + number))  # a small block behind large ones keeps a heap from shrinking
    return kept


return_freed_memory()
before = resident()
with ThreadPoolExecutor(8) as threads:
    kept = list(threads.map(use_and_free, range(16)))
print(resident() - before)
"""


def test_memory_of_large_blocks_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20
