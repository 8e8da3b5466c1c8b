"""An Alertmanager of our own, with the product's routes, whose pages go to an endpoint that we name."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from zepguard.parts.prometheus import ALERTMANAGER, obtain_tool
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.program import Program
from zepguard.prometheus.rules import scaled_duration

__all__ = ["Alertmanager"]

_ROUTE_TIMES = ("group_wait", "group_interval", "repeat_interval")


class Alertmanager:
    """A running Alertmanager. ``keys`` has the routing key that was made for each receiver, by its name."""

    def __init__(self, program: Program, keys: dict[str, str]) -> None:
        """Use ``start``."""
        self.url = program.url
        self.keys = keys
        self._program = program

    @classmethod
    def start(cls, folder: Path, *, pagerduty_url: str, time_scale: float = 1.0) -> Alertmanager:
        """Start one with ``prometheus/alertmanager.yml`` and return when it is ready. Call it in the main thread.

        Only where pages go, the files of the keys, and the time between notifications are other than in production.

        Args:
            folder: for its files, and keys made for this run.
            pagerduty_url: the full URL that takes events in place of PagerDuty's.
            time_scale: how many times faster it notifies.

        Raises:
            PartMissing: there is no Alertmanager.
            StartFailed: it died or was not ready in time.
        """
        binary = obtain_tool(ALERTMANAGER).path
        folder.mkdir(parents=True, exist_ok=True)
        settings = yaml.safe_load((prometheus_folder() / "alertmanager.yml").read_text(encoding="utf-8"))
        settings["global"] = {"pagerduty_url": pagerduty_url}
        keys = {one["name"]: _with_own_key(one, folder) for one in settings["receivers"]}
        _scale_routes(settings["route"], time_scale)
        config = folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

        def command(port: int) -> list[str | Path]:
            return [
                binary,
                f"--config.file={config}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",  # alone: no gossip port
                "--log.level=warn",
            ]

        log = folder / "alertmanager.log"
        return cls(Program.start("alertmanager", command, ready="/-/ready", folder=folder, log=log), keys)

    def __enter__(self) -> Alertmanager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it. Safe twice."""
        self._program.stop()


def _with_own_key(receiver: dict[str, Any], folder: Path) -> str:
    key = secrets.token_hex(16)
    file = folder / f"{receiver['name']}.key"
    file.touch(mode=0o600)
    file.write_text(key, encoding="utf-8")
    for one in receiver["pagerduty_configs"]:
        one["routing_key_file"] = str(file)
    return key


def _scale_routes(route: dict[str, Any], scale: float) -> None:
    for name in _ROUTE_TIMES:
        if name in route:
            route[name] = scaled_duration(route[name], scale)
    for inner in route.get("routes", []):
        _scale_routes(inner, scale)
