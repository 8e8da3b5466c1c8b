"""A Prometheus that scrapes an app, an Alertmanager that routes its alerts, and an endpoint that takes the pages."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from zepguard.parts.model import PartMissing
from zepguard.prometheus.alertmanager import Alertmanager
from zepguard.prometheus.pagerduty import Page, PagerDutyRecorder
from zepguard.prometheus.places import prometheus_folder
from zepguard.prometheus.server import Prometheus
from zepguard.worlds.world import WorldError

__all__ = ["Pager"]

_SCRAPED_EVERY_S = 1.0
_UP_WITHIN_S = 60.0
_POLL_S = 0.1


class Pager:
    """The product's alerts and routes over a running app, with their durations divided by the time scale.

    Args:
        metrics_url: what is scraped.
        time_scale: how many times faster rules and routes are.

    Raises:
        WorldError: there is no Prometheus or Alertmanager, or the app is not scraped within a minute.
    """

    def __init__(self, metrics_url: str, time_scale: float) -> None:
        with ExitStack() as running:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="zepguard-pager-")))
            self._recorder = running.enter_context(PagerDutyRecorder())
            try:
                self._alertmanager = running.enter_context(
                    Alertmanager.start(folder / "alertmanager", pagerduty_url=self._recorder.url, time_scale=time_scale)
                )
                self._prometheus = running.enter_context(
                    Prometheus.start(
                        folder / "prometheus",
                        scrape={"chatapp": metrics_url},
                        rules=[prometheus_folder() / "alerts.yml"],
                        alertmanager_url=self._alertmanager.url,
                        interval_s=_SCRAPED_EVERY_S,
                        time_scale=time_scale,
                    )
                )
            except PartMissing as error:
                raise WorldError(f"void: {error}") from None
            self._await_first_scrape()
            self._running = running.pop_all()

    def _await_first_scrape(self) -> None:
        gives_up_at = time.monotonic() + _UP_WITHIN_S
        while not self._prometheus.ask.targets_up():
            if time.monotonic() > gives_up_at:
                raise WorldError(f"void: Prometheus did not scrape the app within {_UP_WITHIN_S:g} s")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """End the programs and remove their files."""
        self._running.close()

    @property
    def pages(self) -> tuple[Page, ...]:
        """What the endpoint was sent so far, in order."""
        return self._recorder.pages

    def triggered(self, alert: str) -> Page | None:
        """The first page for an alert, if it has come."""
        return next((one for one in self.pages if one.action == "trigger" and one.payload.get("class") == alert), None)

    def resolved(self, page: Page) -> bool:
        """Whether the end of that page's alert was told."""
        return any(one.action == "resolve" and one.key == page.key for one in self.pages)

    def receiver_of(self, page: Page) -> str:
        """The name of the receiver whose key the page bore; empty if of none."""
        return next((name for name, key in self._alertmanager.keys.items() if key == page.routing_key), "")

    def alerts(self) -> str:
        """What Prometheus says of its alerts now, for the one who reads why no page came."""
        return str(self._prometheus.ask.instant("ALERTS"))
