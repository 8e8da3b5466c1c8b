"""An endpoint on the loopback that takes PagerDuty's events (Events API v2) and keeps them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

__all__ = ["Page", "PagerDutyRecorder"]

_REQUIRED = ("routing_key", "event_action")
_SUMMARY_MAX = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One event: ``action`` is ``trigger`` or ``resolve``; ``key`` joins the two of one incident."""

    action: str
    key: str
    routing_key: str
    payload: dict[str, Any]


class PagerDutyRecorder:
    """Answers as PagerDuty does (202, or 400 for an event that it would refuse). Use it in a ``with`` block."""

    def __init__(self) -> None:
        self._pages: list[Page] = []
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v2/enqueue"

    def __enter__(self) -> PagerDutyRecorder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def pages(self) -> tuple[Page, ...]:
        """All events so far, in the order of their arrival."""
        with self._came:
            return tuple(self._pages)

    def wait_for(self, wanted: Callable[[Page], bool], *, within_s: float) -> Page | None:
        """Return the first event that is wanted, come or yet to come; None if none came within so many seconds."""
        gives_up_at = time.monotonic() + within_s
        with self._came:
            while True:
                found = next(filter(wanted, self._pages), None)
                left_s = gives_up_at - time.monotonic()
                if found is not None or left_s <= 0:
                    return found
                self._came.wait(left_s)

    def _keep(self, event: dict[str, Any]) -> str | None:
        """Keep an event; gives what is wrong with one that PagerDuty would refuse."""
        missing = [name for name in _REQUIRED if not event.get(name)]
        payload = event.get("payload", {})
        if event.get("event_action") == "trigger":
            missing += [f"payload.{name}" for name in ("summary", "source", "severity") if not payload.get(name)]
        if missing:
            return f"{', '.join(missing)} is missing"
        if len(payload.get("summary", "")) > _SUMMARY_MAX:
            return "payload.summary is longer than 1024 characters"
        page = Page(
            action=event["event_action"],
            key=event.get("dedup_key", ""),
            routing_key=event["routing_key"],
            payload=payload,
        )
        with self._came:
            self._pages.append(page)
            self._came.notify_all()
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    problem = keep(json.loads(body)) if self.path == "/v2/enqueue" else "this is no /v2/enqueue"
                except ValueError as error:
                    problem = f"no JSON: {error}"
                self._answer(problem)

            def _answer(self, problem: str | None) -> None:
                told = {"status": "invalid event", "message": problem} if problem else {"status": "success"}
                body = json.dumps(told).encode()
                self.send_response(HTTPStatus.BAD_REQUEST if problem else HTTPStatus.ACCEPTED)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
