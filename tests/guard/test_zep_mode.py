"""``zep_mode``: what it says, what it does, how it refuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard import MemoryService, logs, read_settings
from guard.core.events import Force, Report, Ticket
from guard.core.modes import Mode, Reason
from guard.core.table import Operation, Outcome, Phase
from guard.core.worker import Worker
from guard.shell import open_store

MANAGE = (
    "import sys; from django.conf import settings; settings.configure(INSTALLED_APPS=['guard.django']);"
    "from django.core.management import execute_from_command_line;"
    "execute_from_command_line(['manage.py', *sys.argv[1:]])"
)


@pytest.fixture
def shell(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, django_ready: None, tmp_path: Any
) -> dict[str, str]:
    """An operator's shell, with the stack's variables."""
    environ["ZEPGUARD_LOG_FILE"] = str(tmp_path / "app.log")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    yield environ
    logs.configure()


@pytest.fixture
def store(shell: dict[str, str]) -> Any:
    store = open_store(read_settings(shell))
    yield store
    store.close()  # type: ignore[attr-defined]


def zep_mode(*arguments: str) -> str:
    from django.core.management import call_command

    out = io.StringIO()
    call_command("zep_mode", *arguments, stdout=out)
    return out.getvalue().rstrip("\n")


def refused(*arguments: str) -> tuple[str, int]:
    from django.core.management import CommandError

    with pytest.raises(CommandError) as error:
        zep_mode(*arguments)
    return str(error.value), error.value.returncode


def test_status_says_the_checklists_lines(shell: dict[str, str]) -> None:
    assert zep_mode("--status").splitlines() == [
        "Base mode (from flags): read_write",
        "Forced mode: None",
        "Effective mode: read_write",
        "Failures: 0/3",
        "Workers: none alive",
    ]


def test_status_of_a_hold(store: Any) -> None:
    store.apply(Force(reason=Reason.AUTH, ttl_s=300, operator=False))
    assert zep_mode("--status").splitlines()[1:3] == [
        "Forced mode: write_only (reason=auth, remaining=~300s)",
        "Effective mode: write_only",
    ]


def test_status_lists_live_workers_and_warns_where_flags_differ(store: Any) -> None:
    store.beat(Worker(name="w@h:1", program="celery_chat_worker", pid=1, base=Mode.WRITE_ONLY))
    lines = zep_mode("--status").splitlines()
    assert lines[0] == "Base mode (from flags): write_only"
    assert lines[4:6] == ["Workers:", "  w@h:1: write_only"]
    assert lines[6].startswith("Warning: w@h:1 runs with base mode write_only")
    state = json.loads(zep_mode("--status", "--json"))
    assert (state["base"], state["shell_base"], len(state["warnings"])) == ("write_only", "read_write", 1)


@pytest.mark.parametrize("reason", list(Reason))
def test_force_and_clear(store: Any, reason: Reason) -> None:
    assert zep_mode("--force", reason, "--ttl", "60") == f"Forced mode: write_only (reason={reason}, remaining=~60s)"
    record = store.snapshot().record
    assert (record.reason, record.operator, record.forced[reason], sum(record.downgrades.values())) == (
        reason,
        True,
        1,
        0,
    )
    assert zep_mode("--clear") == f"Forced mode: None (was reason={reason})"
    assert store.snapshot().record.reason is None
    assert zep_mode("--clear") == "Forced mode: None (nothing was forced)"


def test_force_holds_five_minutes_unless_told(store: Any) -> None:
    zep_mode("--force", "manual")
    record = store.snapshot().record
    assert record.until - record.since == 300


def test_force_and_clear_leave_a_line_in_the_log(shell: dict[str, str]) -> None:
    zep_mode("--force", "manual", "--ttl", "60")
    zep_mode("--clear")
    lines = [json.loads(line) for line in Path(shell["ZEPGUARD_LOG_FILE"]).read_text().splitlines()]
    assert [(line["event"], line.get("by")) for line in lines] == [
        ("memory_mode_forced", "operator"),
        ("memory_mode_cleared", None),
    ]


def test_reset_failures(store: Any) -> None:
    ticket = Ticket(operation=Operation.READ, phase=Phase.READ_WRITE, generation=0, era=0)
    for _ in range(2):
        store.apply(Report(ticket=ticket, outcome=Outcome.TIMEOUT))
    assert zep_mode("--status").splitlines()[3] == "Failures: 2/3"
    assert zep_mode("--reset-failures") == "Failures: 0 (was 2)"
    assert zep_mode("--status").splitlines()[3] == "Failures: 0/3"


def test_invalidate(store: Any) -> None:
    ticket = Ticket(operation=Operation.READ, phase=Phase.READ_WRITE, generation=0, era=0)
    store.apply(Report(ticket=ticket, outcome=Outcome.RATE_LIMITED, retry_after_s=60, thread_id="a b"))
    assert zep_mode("--invalidate", "a b") == "Thread a b: entry dropped"
    assert store.thread_entry("a b").pause_until == 0
    assert zep_mode("--invalidate", "a b") == "Thread a b: nothing was known of it"


def test_each_action_speaks_json(shell: dict[str, str]) -> None:
    """One line each, of an object."""

    def said(*arguments: str) -> Any:
        text = zep_mode(*arguments, "--json")
        assert "\n" not in text
        return json.loads(text)

    assert said("--force", "manual", "--ttl", "60") == {"forced": "write_only", "reason": "manual", "ttl_s": 60.0}
    assert said("--status")["forced"]["reason"] == "manual"
    assert said("--clear") == {"forced": None, "was": "manual"}
    assert said("--reset-failures") == {"failures": 0, "was": 0}
    assert said("--invalidate", "t") == {"thread_id": "t", "dropped": False}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to do: --status, --force REASON, --clear"),
        (("--json",), "say what to do"),
        (("--status", "--clear"), "--status and --clear are two actions: run them one at a time"),
        (("--force", "manual", "--clear", "--status"), "are two actions"),
        (("--force", "sloth"), "unknown reason 'sloth': use one of auth"),
        (("--force", ""), "unknown reason ''"),
        (("--force", "manual", "--ttl", "0.5"), "a hold of 0.5 s is refused: choose 1 to 86400 s (24 h)"),
        (("--force", "manual", "--ttl", "86401"), "is refused: choose 1 to 86400 s"),
        (("--force", "manual", "--ttl", "nan"), "is refused"),
        (("--force", "manual", "--ttl", "5m"), "--ttl '5m' is no number of seconds: write 1 to 86400"),
        (("--clear", "--ttl", "5"), "--ttl 5 goes with --force REASON only"),
        (("--invalidate", "../x"), "thread id '../x' is refused"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words_and_changes_nothing(
    store: Any, arguments: tuple[str, ...], words: str
) -> None:
    before = store.snapshot().record
    text, code = refused(*arguments)
    assert words in text
    assert code == 2
    assert store.snapshot().record == before


@pytest.mark.parametrize(
    ("arguments", "store_url", "code"),
    [
        ((), None, 2),
        (("--status", "--clear"), None, 2),
        (("--force", "sloth"), None, 2),
        (("--force", "manual", "--ttl", "5m"), None, 2),
        (("--invalidate", "../x"), None, 2),
        (("--status",), "redis://127.0.0.1:1/0", 5),
        (("--status",), "", 5),
    ],
)
def test_with_json_a_refusal_is_one_line_of_json_too(
    shell: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], store_url: str | None, code: int
) -> None:
    from django.core.management import CommandError, call_command

    if store_url is not None:
        monkeypatch.setenv("GUARD_REDIS_URL", store_url)
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("zep_mode", *arguments, "--json", stdout=out)
    assert error.value.returncode == code
    (line,) = out.getvalue().splitlines()
    assert json.loads(line) == {"error": str(error.value)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--force",), "argument --force: expected one argument"),
        (("--stats",), "unrecognized arguments: --stats"),
        (("--force", "sloth"), "unknown reason 'sloth'"),
    ],
)
def test_from_a_shell_a_refusal_is_json_on_one_stream_and_words_on_the_other(
    shell: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    environ = {**os.environ, **shell}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    argv = [sys.executable, "-c", MANAGE, "zep_mode", *words, "--json"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"].startswith(said)
    assert said in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("action", [("--status",), ("--clear",), ("--force", "manual"), ("--invalidate", "t")])
def test_a_store_that_is_away_is_said_so(
    shell: dict[str, str], monkeypatch: pytest.MonkeyPatch, action: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GUARD_REDIS_URL", "redis://127.0.0.1:1/0")
    text, code = refused(*action)
    assert "check GUARD_REDIS_URL" in text
    assert code == 5


def test_without_a_shared_store_it_refuses_to_show_its_own(
    shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUARD_REDIS_URL")
    assert refused("--status") == (
        "GUARD_REDIS_URL is not set: without a shared store each process has a mode of its own, "
        "and this command would show only its own; set it as the workers have it",
        5,
    )


def a_dead_letter(thread_id: str = "t") -> int:
    from guard.django.outbox import DjangoRows, accept

    accept(user_id="ada", thread_id=thread_id, role="user", content="secret words", turn_id=uuid.uuid4())
    rows = DjangoRows()
    batch = rows.claim(now=time.time() + 3600, lease_s=30)
    assert batch is not None
    rows.bury(batch, batch.rows[0].key, reason="HTTP 400: too odd", now=time.time())
    return max(letter.key for letter in rows.dead_letters())


def test_the_outbox_is_shown_without_any_text_of_a_message(shell: dict[str, str], database: Any) -> None:
    assert zep_mode("--outbox").splitlines() == ["Outbox: 0 on their way (0 being sent)", "Dead letters: 0"]
    key = a_dead_letter()
    shown = zep_mode("--outbox")
    assert f"  {key}: user of thread t, user ada, 0 s ago: HTTP 400: too odd" in shown
    state = json.loads(zep_mode("--outbox", "--json"))
    assert (state["dead"], state["dead_letters"][0]["letter"], state["dead_letters"][0]["reason"]) == (
        1,
        key,
        "HTTP 400: too odd",
    )
    assert "secret words" not in shown + json.dumps(state)


def test_a_dead_letter_is_sent_again_or_dropped(shell: dict[str, str], database: Any) -> None:
    key = a_dead_letter()
    assert zep_mode("--outbox", "--resend", str(key)) == f"Dead letter {key} sent again"
    assert zep_mode("--outbox").splitlines()[0].startswith("Outbox: 1 on their way")
    assert refused("--outbox", "--drop", str(key)) == (
        f"no dead letter '{key}': use a number that --outbox shows (there is none), or all",
        2,
    )
    others = [a_dead_letter("u"), a_dead_letter("v")]
    assert json.loads(zep_mode("--outbox", "--drop", "all", "--json")) == {"letters": others, "done": "dropped"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--drop", "1"), "say what to do"),
        (("--status", "--resend", "1"), "--resend 1 goes with --outbox only"),
        (("--outbox", "--resend", "1", "--drop", "1"), "are two actions"),
        (("--outbox", "--drop", "first"), "no dead letter 'first'"),
        (("--forget-user", "a/b"), "user id 'a/b' is refused"),
    ],
)
def test_what_makes_no_sense_is_refused(
    shell: dict[str, str], database: Any, arguments: tuple[str, ...], words: str
) -> None:
    said, code = refused(*arguments)
    assert words in said
    assert code == 2


@pytest.mark.parametrize(
    "arguments", [("--outbox",), ("--outbox", "--resend", "all"), ("--outbox", "--drop", "1"), ("--forget-user", "ada")]
)
def test_a_database_that_cannot_be_used_is_said_so(
    shell: dict[str, str], database: Any, arguments: tuple[str, ...]
) -> None:
    """Here one in which migrate has not run."""
    from django.db import connection

    from guard.django.models import DeadLetter

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {DeadLetter._meta.db_table}")
    said, code = refused(*arguments)
    assert said.startswith("the outbox's database did not answer (")
    assert said.endswith("check DATABASES, the server, and that migrate has run")
    assert "\n" not in said
    assert code == 5


def test_a_person_is_forgotten(shell: dict[str, str], database: Any) -> None:
    a_dead_letter()
    said = zep_mode("--forget-user", "ada")
    assert said == "User ada: 0 messages, 1 dead letters, 0 contexts and Zep's copy deleted"
    assert zep_mode("--outbox").splitlines()[1] == "Dead letters: 0"
    assert json.loads(zep_mode("--forget-user", "ada", "--json"))["zep"] is True


def test_what_is_left_of_a_person_is_said_with_a_code(
    shell: dict[str, str], database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZEP_BASE_URL", "http://127.0.0.1:1")
    said, code = refused("--forget-user", "ada")
    assert said.startswith("not all is gone: Zep's copy (")
    assert code == 1


def test_without_a_shared_store_a_persons_contexts_are_not_said_to_be_gone(
    shell: dict[str, str], database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker keeps them for ten minutes, where this command cannot reach."""
    monkeypatch.delenv("GUARD_REDIS_URL")
    said, code = refused("--forget-user", "ada")
    assert said.startswith("not all is gone: contexts in the memory of each worker")
    assert code == 1


@pytest.mark.parametrize("key", ["9" * 23, "9223372036854775808"])
def test_a_number_too_large_for_a_key_is_no_dead_letter(shell: dict[str, str], database: Any, key: str) -> None:
    said, code = refused("--outbox", "--drop", key)
    assert (f"no dead letter '{key}'" in said, code) == (True, 2)


def test_live_workers_have_seen_an_action_when_it_returns(store: Any, shell: dict[str, str]) -> None:
    """A worker's view is at most a second old; the command waits for that."""
    worker = MemoryService(read_settings(shell), program="w")
    worker.start_heartbeat()
    assert worker.mode() is Mode.READ_WRITE
    zep_mode("--force", "manual", "--ttl", "60")
    assert worker.mode() is Mode.WRITE_ONLY
    worker.close()


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (("--status",), {}, 0, "Effective mode: read_write"),
        (("--status", "--clear"), {}, 2, "are two actions"),
        (("--outbox",), {}, 5, "check DATABASES"),
        ((), {}, 2, "say what to do"),
        (("--force",), {}, 2, "expected one argument"),
        (("--status",), {"GUARD_REDIS_URL": "redis://127.0.0.1:1/0"}, 5, "check GUARD_REDIS_URL"),
        (("--status",), {"ZEP_TIMEOUT_MS": "soon"}, 2, "ZEP_TIMEOUT_MS='soon': is no number"),
    ],
)
def test_from_a_shell_it_ends_with_words_and_a_code_and_no_traceback(
    shell: dict[str, str],
    start_child: Callable[..., Any],
    arguments: tuple[str, ...],
    variables: dict[str, str],
    code: int,
    words: str,
) -> None:
    environ = {**os.environ, **shell, **variables}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-c", MANAGE, "zep_mode", *arguments], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
