"""A Prometheus of our own: a free port, a folder of its own, a configuration made for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import yaml

from zepguard.parts.prometheus import PROMETHEUS, obtain_tool
from zepguard.prometheus.answers import Asking
from zepguard.prometheus.program import Program
from zepguard.prometheus.rules import faster

__all__ = ["Prometheus", "configuration"]

_RETENTION = "10y"  # the default of 15 days would delete half of a month that was loaded
_LOOKBACK_S = 300.0


class Prometheus:
    """A running Prometheus; leave the ``with`` block, or call ``stop``, and it is gone. Its folder stays."""

    def __init__(self, program: Program) -> None:
        """Use ``start``."""
        self.url = program.url
        self.ask = Asking(program.url)
        self._program = program

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        scrape: Mapping[str, str] | None = None,
        rules: Sequence[Path] = (),
        alertmanager_url: str = "",
        interval_s: float = 15.0,
        time_scale: float = 1.0,
    ) -> Prometheus:
        """Start one and return when it is ready. Call it in the main thread.

        Args:
            folder: for its files; ``folder/data`` may hold blocks already (``make_blocks``).
            scrape: full metrics URLs by job name.
            rules: rule files; with a time scale, a faster copy of each is used.
            alertmanager_url: where alerts go; nowhere by default.
            interval_s: seconds between scrapes, and between evaluations, as they shall really pass.
            time_scale: how many times faster the rules' durations pass.

        Raises:
            PartMissing: there is no Prometheus.
            StartFailed: it died or was not ready in time.
            RulesError: a rule file cannot be scaled.
        """
        binary = obtain_tool(PROMETHEUS).path
        folder.mkdir(parents=True, exist_ok=True)
        used = [_faster_copy(one, folder, time_scale) for one in rules]
        config = folder / "prometheus.yml"
        settings = configuration(scrape or {}, used, alertmanager_url=alertmanager_url, interval_s=interval_s)
        config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

        def command(port: int) -> list[str | Path]:
            return [
                binary,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--storage.tsdb.retention.time={_RETENTION}",
                f"--query.lookback-delta={max(1, round(_LOOKBACK_S * 1000 / time_scale))}ms",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ]

        log = folder / "prometheus.log"
        return cls(Program.start("prometheus", command, ready="/-/ready", folder=folder, log=log))

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._program.pid

    def stop(self) -> None:
        """End it. Safe twice."""
        self.ask.close()
        self._program.stop()


def configuration(
    scrape: Mapping[str, str], rules: Sequence[Path], *, alertmanager_url: str = "", interval_s: float = 15.0
) -> dict[str, Any]:
    """A ``prometheus.yml`` as plain values. Pure."""
    interval = f"{round(interval_s * 1000)}ms"
    settings: dict[str, Any] = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(one) for one in rules],
        "scrape_configs": [_scraped(job, url) for job, url in scrape.items()],
    }
    if alertmanager_url:
        target = {"targets": [urlsplit(alertmanager_url).netloc]}
        settings["alerting"] = {"alertmanagers": [{"static_configs": [target]}]}
    return settings


def _scraped(job: str, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "job_name": job,
        "scheme": parts.scheme,
        "metrics_path": parts.path or "/metrics",
        "static_configs": [{"targets": [parts.netloc]}],
    }


def _faster_copy(rules: Path, folder: Path, time_scale: float) -> Path:
    if time_scale == 1:
        return rules.resolve()
    copy = folder / rules.name
    copy.write_text(faster(rules.read_text(encoding="utf-8"), time_scale), encoding="utf-8")
    return copy
