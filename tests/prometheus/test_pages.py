"""The endpoint that takes pages refuses what PagerDuty would; who is paged is a drill (pre-deploy/pages.feature)."""

from __future__ import annotations

import httpx

from zepguard.prometheus.pagerduty import PagerDutyRecorder


def test_an_event_that_pagerduty_would_refuse_is_refused() -> None:
    with PagerDutyRecorder() as recorder:
        answer = httpx.post(recorder.url, json={"event_action": "trigger", "routing_key": "k"}, trust_env=False)
        assert (answer.status_code, recorder.pages) == (400, ())
        assert "payload.summary" in answer.json()["message"]
        assert httpx.post(recorder.url, content=b"no", trust_env=False).status_code == 400
