"""A Prometheus beside a run, where there is one: it scrapes the product, and answers for the dashboard's panels."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from zepguard.evidence.model import Panel
from zepguard.evidence.panels import ask_panels
from zepguard.parts import PartError
from zepguard.parts.prometheus import PROMETHEUS, find_tool
from zepguard.prometheus.answers import QueryRefused
from zepguard.prometheus.server import Prometheus

__all__ = ["panels_of"]

_INTERVAL_S = 1.0


@contextlib.contextmanager
def panels_of(metrics_url: str) -> Iterator[Callable[[], tuple[Panel, ...]]]:
    """Scrape a running product until the block is left; the callable asks the panels from then till now.

    Nothing is built or fetched for it: on a machine without Prometheus, and where it does not answer, there are no
    panels, and the drills are none the worse. Call it in the main thread.

    Args:
        metrics_url: the full URL of the product's ``/api/metrics/``.
    """
    with contextlib.ExitStack() as closing:
        began = time.time()
        prometheus = _started(closing, metrics_url)

        def panels() -> tuple[Panel, ...]:
            if prometheus is None:
                return ()
            with contextlib.suppress(QueryRefused):
                return ask_panels(prometheus.ask, start=began, end=time.time())
            return ()

        yield panels


def _started(closing: contextlib.ExitStack, metrics_url: str) -> Prometheus | None:
    with contextlib.suppress(PartError):
        if find_tool(PROMETHEUS) is not None:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="zepguard-prometheus-")))
            scrape = {"chatapp": metrics_url}
            return closing.enter_context(Prometheus.start(folder, scrape=scrape, interval_s=_INTERVAL_S))
    return None
