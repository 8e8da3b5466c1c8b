"""What ``import guard`` costs over bare Python, beside ``import redis`` in the same run.

python benchmarks/import_guard.py
"""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15
LINES = {
    "bare Python": "pass",
    "import guard": "import guard",
    "from guard import MemoryService": "from guard import MemoryService",
    "import redis": "import redis",
}


def took_ms(line: str) -> float:
    """Milliseconds of a new interpreter that runs one line."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", line], check=True)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure in turn, so that a busy moment hits all alike, and print the least of each."""
    rounds = [{name: took_ms(line) for name, line in LINES.items()} for _ in range(ROUNDS)]
    least = {name: min(one[name] for one in rounds) for name in LINES}
    bare = least["bare Python"]
    for name, ms in least.items():
        print(f"{name:32} {ms:6.0f} ms  {ms - bare:+6.0f} ms  {ms / bare:5.1f} times bare Python")


if __name__ == "__main__":
    main()
