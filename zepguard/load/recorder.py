"""Writes a run's samples down while it goes on, each line whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from zepguard.load.samples import RunHead, Sample, ScrapeSample, line_of
from zepguard.worlds.scrape import read_metrics

__all__ = ["Recorder", "scrape"]

_KEPT = ("memory_", "circuit_", "chat_turns", "error_rate", "agent_latency")
_SCRAPE_S = 10.0


class Recorder:
    """The file of samples; ``close`` it."""

    def __init__(self, path: Path, head: RunHead) -> None:
        """Begin a file in place of the one there may be."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self.add(head)

    def add(self, sample: Sample) -> None:
        """Write one sample, and see that a kill cannot take it back."""
        self._file.write(line_of(sample) + "\n")
        self._file.flush()

    def close(self) -> None:
        """End the file. Safe twice."""
        self._file.close()


def scrape(url: str, clock: Callable[[], float]) -> ScrapeSample | None:
    """Ask a product for its metrics; None if it does not give them.

    Args:
        url: its ``/api/metrics/``.
        clock: gives seconds since the run began.
    """
    try:
        answer = httpx.get(url, timeout=_SCRAPE_S, trust_env=False).raise_for_status()
    except httpx.HTTPError:
        return None
    series = read_metrics(answer.text).series
    return ScrapeSample(at_s=clock(), series={name: value for name, value in series.items() if name.startswith(_KEPT)})
