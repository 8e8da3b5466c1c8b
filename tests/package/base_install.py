"""Run by ``tox run -e base``: what ``pip install zepguard`` alone gives. No pytest: it is not installed there."""

import importlib.util
import subprocess
import sys

from guard import MemoryService, Mode

HEAVY = ("django", "celery", "locust", "scipy", "click", "starlette", "uvicorn", "fakeredis", "pytest", "supervisor")


def main() -> None:
    """Use the guard as an app would at its start, then ask for a command."""
    there = [name for name in HEAVY if importlib.util.find_spec(name)]
    assert not there, f"the base install brings {there}"

    memory = MemoryService.from_env(
        {"ZEP_ENABLED": "true", "FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true", "ZEP_API_KEY": "nobody's"}
    )
    assert memory.mode() is Mode.READ_WRITE
    import guard.metrics.exposition
    import guard.store.shared
    import guard.zep.sdk

    assert b'memory_mode_gauge{mode="read_write"} 1.0' in guard.metrics.exposition.render(memory)[0]
    assert guard.MemoryService.from_env({}).mode() is Mode.OFF

    asked = subprocess.run([sys.executable, "-m", "zepguard", "steps"], capture_output=True, text=True, check=False)
    assert asked.returncode == 5, asked
    assert "pip install 'zepguard[harness]'" in asked.stderr, asked
    print("the guard works in the base install")


if __name__ == "__main__":
    main()
