"""``python manage.py zep_mode``: what the memory service is doing, and an operator's hand on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from guard.core.modes import HOLD_S
from guard.errors import CallerError, StoreUnavailable
from guard.logs import configure
from guard.operator import Operator
from guard.outbox.operator import OutboxOperator
from guard.outbox.report import outbox_report
from guard.service import MemoryService

__all__ = ["Command"]

_UNDONE = 1
_USAGE = 2
_STORE_AWAY = 5
_ACTIONS = {
    "status": "--status",
    "force": "--force REASON",
    "clear": "--clear",
    "invalidate": "--invalidate THREAD",
    "reset_failures": "--reset-failures",
    "outbox": "--outbox",
    "forget_user": "--forget-user USER",
}
_KEY_DIGITS_MAX = 18
"""Of a number that every database takes for a key."""
_GOES_WITH = {"ttl": "force", "resend": "outbox", "drop": "outbox"}


class Command(BaseCommand):
    """Shows and changes the forced mode of the whole fleet."""

    help = "Show the memory mode, force write_only, clear it, reset the failure count; see to the outbox; forget."
    requires_system_checks = ()
    _json_asked = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make the parser; what it refuses by itself is told as JSON too."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        refuse = parser.error

        def tell_and_refuse(message: str) -> None:
            self._tell_error(message)
            refuse(message)

        if self._json_asked:
            parser.error = tell_and_refuse  # type: ignore[method-assign]
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from a shell, where nothing has been parsed yet when the parser refuses a word."""
        self._json_asked = "--json" in argv
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one flag an action."""
        parser.add_argument("--status", action="store_true", help="base, forced and effective mode; failures; workers")
        parser.add_argument(
            "--force",
            metavar="REASON",
            help="hold write_only: manual, rollback, auth, consecutive_failures or probe_failed",
        )
        parser.add_argument("--ttl", metavar="SECONDS", help=f"how long --force holds, 1 to 86400 (default {HOLD_S:g})")
        parser.add_argument("--clear", action="store_true", help="end the forced mode, failure count 0")
        parser.add_argument("--invalidate", metavar="THREAD", help="forget what the workers know of a thread")
        parser.add_argument("--reset-failures", action="store_true", help="failure count 0, read breaker closed")
        parser.add_argument("--outbox", action="store_true", help="messages on their way to Zep, and the dead letters")
        parser.add_argument("--resend", metavar="LETTER", help="with --outbox: send a dead letter again, or all")
        parser.add_argument("--drop", metavar="LETTER", help="with --outbox: delete a dead letter, or all")
        parser.add_argument("--forget-user", metavar="USER", help="delete outbox, caches and Zep's copy of a person")
        parser.add_argument("--json", action="store_true", help="one line of JSON, of an error too")

    def service(self) -> MemoryService:
        """The guard with this shell's settings; a simulation gives its own."""
        return MemoryService.from_env(program="zep_mode", eager=False)

    def operator(self, service: MemoryService) -> Operator:
        """The hand on it; a simulation's pauses in virtual time."""
        return Operator(service)

    def outbox(self, service: MemoryService) -> OutboxOperator:
        """The hand on the outbox; a simulation's pauses in virtual time."""
        from guard.django.outbox import DjangoRows

        return OutboxOperator(service, DjangoRows(), apart=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry out the one action that was asked for; with ``--json`` a refusal is JSON too."""
        try:
            text, state = self._act(options)
        except CommandError as error:
            if options["json"]:
                self._tell_error(str(error))
            raise
        self.stdout.write(json.dumps(state) if options["json"] else text)

    def _tell_error(self, error: str) -> None:
        self.stdout.write(json.dumps({"error": error}))

    def _act(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        action = _one_action(options)
        for flag, owner in _GOES_WITH.items():
            if options[flag] is not None and action != owner:
                raise CommandError(f"--{flag} {options[flag]} goes with {_ACTIONS[owner]} only", returncode=_USAGE)
        try:
            service = self.service()
            configure(service.settings.log_file)
            done: tuple[str, dict[str, Any]]
            if action in ("outbox", "forget_user"):
                done = getattr(self, f"_{action}")(self.outbox(service), options)
            else:
                _refuse_private_state(service)
                done = getattr(self, f"_{action}")(self.operator(service), options)
        except CallerError as error:
            raise CommandError(str(error), returncode=_USAGE) from error
        except StoreUnavailable as error:
            raise CommandError(str(error), returncode=_STORE_AWAY) from error
        except (DatabaseError, ImproperlyConfigured) as error:
            said = f"the outbox's database did not answer ({type(error).__name__}: {_first_line(error)})"
            raise CommandError(
                f"{said}; check DATABASES, the server, and that migrate has run", returncode=_STORE_AWAY
            ) from error
        return done

    def _status(self, operator: Operator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        status = operator.status()
        return "\n".join(status.lines()), status.as_json()

    def _force(self, operator: Operator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        ttl_s = _seconds(options["ttl"])
        operator.force(options["force"], ttl_s)
        said = f"Forced mode: write_only (reason={options['force']}, remaining=~{ttl_s:g}s)"
        return said, {"forced": "write_only", "reason": options["force"], "ttl_s": ttl_s}

    def _clear(self, operator: Operator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        was = operator.clear().effects[-1].detail or None
        said = f"Forced mode: None (was reason={was})" if was else "Forced mode: None (nothing was forced)"
        return said, {"forced": None, "was": was}

    def _invalidate(self, operator: Operator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        thread_id = options["invalidate"]
        found = operator.invalidate(thread_id)
        said = f"Thread {thread_id}: entry dropped" if found else f"Thread {thread_id}: nothing was known of it"
        return said, {"thread_id": thread_id, "dropped": found}

    def _reset_failures(self, operator: Operator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        was = int(operator.reset_failures().effects[-1].detail or 0)
        return f"Failures: 0 (was {was})", {"failures": 0, "was": was}

    def _outbox(self, outbox: OutboxOperator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if options["resend"] is not None and options["drop"] is not None:
            raise CommandError("--resend and --drop are two actions: run them one at a time", returncode=_USAGE)
        if options["resend"] is not None:
            return _each_letter(outbox, options["resend"], "sent again", outbox.send_again)
        if options["drop"] is not None:
            return _each_letter(outbox, options["drop"], "dropped", outbox.drop)
        return outbox_report(outbox.counts(), list(outbox.dead_letters()), time.time())

    def _forget_user(self, outbox: OutboxOperator, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        erasure = outbox.forget_user(options["forget_user"])
        if erasure.undone:
            raise CommandError("not all is gone: " + "; ".join(erasure.undone), returncode=_UNDONE)
        said = (
            f"User {options['forget_user']}: {erasure.messages} messages, {erasure.dead_letters} dead letters, "
            f"{erasure.contexts} contexts and Zep's copy deleted"
        )
        return said, {"user_id": options["forget_user"], **asdict(erasure)}


def _each_letter(
    outbox: OutboxOperator, which: str, done_to: str, act: Callable[[int], bool]
) -> tuple[str, dict[str, Any]]:
    if which == "all":
        keys = [letter.key for letter in outbox.dead_letters() if act(letter.key)]
        return f"Dead letters {done_to}: {len(keys)}", {"letters": keys, "done": done_to}
    if not which.isdecimal() or len(which) > _KEY_DIGITS_MAX or not act(int(which)):
        known = ", ".join(str(letter.key) for letter in islice(outbox.dead_letters(), 10)) or "there is none"
        raise CommandError(
            f"no dead letter {which!r}: use a number that --outbox shows ({known}), or all", returncode=_USAGE
        )
    return f"Dead letter {which} {done_to}", {"letters": [int(which)], "done": done_to}


def _one_action(options: dict[str, Any]) -> str:
    asked = [name for name in _ACTIONS if options[name] not in (None, False)]
    if not asked:
        raise CommandError("say what to do: " + ", ".join(_ACTIONS.values()), returncode=_USAGE)
    if len(asked) > 1:
        words = " and ".join(_ACTIONS[name] for name in asked)
        raise CommandError(f"{words} are two actions: run them one at a time", returncode=_USAGE)
    return asked[0]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _seconds(text: str | None) -> float:
    if text is None:
        return HOLD_S
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"--ttl {text!r} is no number of seconds: write 1 to 86400", returncode=_USAGE) from None


def _refuse_private_state(service: MemoryService) -> None:
    if not service.settings.redis_url:
        raise StoreUnavailable(
            "GUARD_REDIS_URL is not set: without a shared store each process has a mode of its own, "
            "and this command would show only its own; set it as the workers have it"
        )
