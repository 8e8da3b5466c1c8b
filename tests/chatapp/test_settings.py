"""Settings come from the environment; what cannot be used is refused by name, at start, without a traceback."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from chatapp import environment
from chatapp.discretion import DiscreetFilter, DiscreetFormatter
from chatapp.tokens import BadToken, issue_jwt, subject_of

ROOT = Path(__file__).resolve().parents[2]
SECRET = "x" * 40


@pytest.mark.parametrize("value", ["soon", "-1", "1e9", "nan"])
def test_a_number_that_cannot_be_is_refused_with_its_name_and_value(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATAPP_TURN_RESEND_S", value)
    with pytest.raises(ImproperlyConfigured, match=f"CHATAPP_TURN_RESEND_S='{value}'.*; write"):
        environment.number("CHATAPP_TURN_RESEND_S", 1, lowest=0, highest=60)


@pytest.mark.parametrize(("value", "told"), [("true", True), ("false", False), ("", False)])
def test_a_switch_is_on_or_off(value: str, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_AGENT_FAILS", value)
    assert environment.yes("CHATAPP_AGENT_FAILS") is told


def test_a_switch_that_is_neither_is_refused_with_its_name_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_AGENT_FAILS", "yes")
    with pytest.raises(ImproperlyConfigured, match="CHATAPP_AGENT_FAILS='yes' is neither; write true or false"):
        environment.yes("CHATAPP_AGENT_FAILS")


def test_a_short_secret_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_JWT_SECRET", "hunter2")
    with pytest.raises(ImproperlyConfigured, match="CHATAPP_JWT_SECRET has 7 characters") as refused:
        environment.secret("CHATAPP_JWT_SECRET", characters_min=32)
    assert "hunter2" not in str(refused.value)


def test_another_broker_than_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://user:secret@host")
    with pytest.raises(ImproperlyConfigured, match="CELERY_BROKER_URL has the scheme 'amqp'") as refused:
        environment.broker_url("CELERY_BROKER_URL", "")
    assert "secret" not in str(refused.value)


def test_sqlite_takes_its_write_lock_at_the_start_and_waits_for_it() -> None:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        assert settings.DATABASES["default"]["OPTIONS"] == {"transaction_mode": "IMMEDIATE", "timeout": 10}


def manage(*argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "CHATAPP_JWT_SECRET": SECRET} | changes
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *argv],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_line_prints_a_token_that_works() -> None:
    made = manage("issue_jwt", "--sub", "ada", "--ttl", "60")
    assert subject_of(SECRET, made.stdout.strip()) == "ada"


def test_the_command_line_refuses_a_bad_setting_in_a_sentence() -> None:
    refused = manage("issue_jwt", "--sub", "ada", CHATAPP_TURN_DEADLINE_S="soon")
    assert refused.returncode == 1
    assert refused.stderr.startswith("manage.py: CHATAPP_TURN_DEADLINE_S='soon' is no number")


@pytest.mark.parametrize("value", ["soon", "5"])
def test_a_setting_of_the_guard_is_refused_by_the_guard(value: str) -> None:
    """In its own words, with the code for wrong usage; the chat app reads it too."""
    refused = manage("zep_mode", "--status", ZEP_TIMEOUT_MS=value)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"CommandError: ZEP_TIMEOUT_MS='{value}': is ")
    assert "; write " in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("value", ["soon", "5"])
def test_a_workers_log_shows_the_guards_refusal(value: str) -> None:
    environ = {"PATH": os.environ["PATH"], "ZEP_TIMEOUT_MS": value}
    started = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "chatapp", "worker", "--pool", "threads", "-Q", "chat"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert started.returncode == 1
    assert f"celery: ZEP_TIMEOUT_MS='{value}': is " in started.stderr
    assert "Traceback" not in started.stderr


def test_migrations_are_up_to_date() -> None:
    checked = manage("makemigrations", "--check", "--dry-run", "chatapp", DATABASE_URL="sqlite://:memory:")
    assert checked.returncode == 0, checked.stdout


def test_a_token_ends() -> None:
    with pytest.raises(BadToken, match="expired"):
        subject_of(SECRET, issue_jwt(SECRET, "ada", -1))


def record(name: str, message: str, *args: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, None)


def test_celery_cannot_quote_a_message_that_it_does_not_know() -> None:
    from celery.worker.consumer import consumer

    for template, args in (
        (consumer.UNKNOWN_TASK_ERROR, ("chatapp.x", "my text", "my text", "")),
        (consumer.INVALID_TASK_ERROR, ("why", "my text")),
        (consumer.UNKNOWN_FORMAT, ("my text",)),
        (consumer.MESSAGE_DECODE_ERROR, ("why", "", "", "", "my text")),
    ):
        line = record(consumer.__name__, template, *args)
        assert DiscreetFilter().filter(line)
        assert "my text" not in line.getMessage()
        assert "(contents withheld)" in line.getMessage()


def test_an_exception_in_a_log_shows_its_type_and_place_alone() -> None:
    quoted = "my " + "text"  # the formatter shows the line that raised
    try:
        raise RuntimeError(quoted)
    except RuntimeError:
        line = DiscreetFormatter().formatException(sys.exc_info())
    assert line.endswith("RuntimeError")
    assert "test_settings.py" in line
    assert "my text" not in line
