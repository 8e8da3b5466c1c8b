"""OpenMetrics text, with a timestamp on each sample, made into blocks that Prometheus reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

from zepguard.parts.prometheus import PROMTOOL, obtain_tool

__all__ = ["BlocksNotMade", "make_blocks"]

_WITHIN_S = 600.0


class BlocksNotMade(Exception):
    """promtool could not read the text; the error has what it said."""


def make_blocks(openmetrics: Path, tsdb: Path, *, block_s: float = 24 * 3600) -> None:
    """Add the samples of a file to the data folder of a Prometheus that is not running.

    Args:
        openmetrics: OpenMetrics text; ends in ``# EOF``, and each family's samples stand together, in time's order.
        tsdb: the data folder (``Prometheus.start``'s ``data``).
        block_s: the longest time that one block holds, seconds; longer is quicker for weeks of samples.

    Raises:
        BlocksNotMade: with what promtool said.
        PartMissing: there is no promtool.
    """
    promtool = obtain_tool(PROMTOOL).path
    command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "--max-block-duration", f"{block_s:.0f}s"]
    command += ["openmetrics", openmetrics, tsdb]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise BlocksNotMade(f"promtool did not end within {_WITHIN_S:g} s with {openmetrics}") from None
    if done.returncode:
        raise BlocksNotMade(f"promtool refused {openmetrics}: {(done.stdout + done.stderr).strip()}")
