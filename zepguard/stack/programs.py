"""The programs of a stack: one table, from which the supervisor's configuration is made. Pure."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatapp.tokens import issue_jwt
from zepguard.stack.companion import EVENTS
from zepguard.stack.info import TOKEN_TTL_S, StackInfo
from zepguard.stack.launch import MANAGE
from zepguard.stack.layout import RunDir
from zepguard.stack.plan import Plan

__all__ = [
    "APP",
    "PARTS",
    "STORE_PROXY",
    "WORKERS",
    "Program",
    "info_of",
    "launched",
    "manage_argv",
    "migrate_argv",
    "programs_of",
    "supervisor_config",
    "supervisorctl_argv",
    "supervisord_argv",
    "toxiproxy_config",
]

PARTS = ("guard_store", "broker", "toxiproxy", "fakezep")
WORKERS = ("celery_chat_worker", "celery_delivery_worker")
APP = ("uvicorn", *WORKERS)

ZEP_PROXY = "zep"
STORE_PROXY = "guard_store"
USER = "first-user"
"""Whom the stack's own token speaks for."""

# -P: a folder of the caller's named like one of ours must not be imported in its place.
_PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: its name to the supervisor, its argv, and how long it may take to stop."""

    name: str
    argv: tuple[str, ...]
    stop_wait_s: int = 3


def programs_of(plan: Plan, *, valkey: Path, toxiproxy: Path) -> tuple[Program, ...]:
    """Return the table. No key stands in an argv: ``ps`` shows those."""
    ports = plan.ports
    return (
        _valkey("guard_store", plan, valkey, ports.guard_store),
        _valkey("broker", plan, valkey, ports.broker),
        Program(
            name="toxiproxy",
            argv=(
                *(str(toxiproxy), "-host", "127.0.0.1", "-port", str(ports.toxiproxy)),
                *("-config", str(plan.run_dir.toxiproxy_config)),
            ),
        ),
        Program(
            name="fakezep",
            argv=(*_PYTHON, "fakezep", "--host", "127.0.0.1", "--port", str(ports.fakezep)),
        ),
        Program(
            name="uvicorn",
            argv=(
                *(*_PYTHON, "uvicorn", "chatapp.asgi:application"),
                *("--host", "127.0.0.1", "--port", str(ports.web)),
                *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "2"),
            ),
        ),
        _worker("celery_chat_worker", queue="chat", threads=16),
        _worker("celery_delivery_worker", queue="deliveries", threads=2),
    )


def _valkey(name: str, plan: Plan, valkey: Path, port: int) -> Program:
    return Program(
        name=name,
        argv=(
            *(str(valkey), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(plan.run_dir.data(name))),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
        ),
    )


def _worker(name: str, *, queue: str, threads: int) -> Program:
    return Program(
        name=name,
        argv=(
            *(*_PYTHON, "celery", "-A", "chatapp", "worker"),
            *("--hostname", f"{name}@localhost", "--pool", "threads", "--concurrency", str(threads), "-Q", queue),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"),
        ),
        # A task in flight ends within the deadline of a call to Zep and a little.
        stop_wait_s=4,
    )


def launched(run_dir: RunDir, program: str, argv: Sequence[str]) -> list[str]:
    """Return the argv that runs a program with what the env file says at that time."""
    return [*_PYTHON, "zepguard.stack.launch", str(run_dir.env_file), program, "--", *argv]


def manage_argv(run_dir: RunDir) -> list[str]:
    """Return ``manage.py`` of the chat app, with this stack's settings."""
    return launched(run_dir, MANAGE, [*_PYTHON, "django"])


def migrate_argv(run_dir: RunDir) -> list[str]:
    """Return the command that brings the database up to date; unlike ``manage`` it is tied to its starter."""
    return launched(run_dir, "migrate", [*_PYTHON, "django", "migrate", "--noinput"])


def supervisord_argv(run_dir: RunDir) -> list[str]:
    """Return the supervisor's argv, tied to the process that starts it."""
    return [
        *(*_PYTHON, "zepguard.stack.lifeline"),
        *(*_PYTHON, "supervisor.supervisord", "--nodaemon", "--configuration", str(run_dir.config)),
    ]


def supervisorctl_argv(run_dir: RunDir) -> list[str]:
    """Return ``supervisorctl`` for this stack: append ``restart celery_chat_worker``."""
    return [*_PYTHON, "supervisor.supervisorctl", "-c", str(run_dir.config)]


def info_of(plan: Plan) -> StackInfo:
    """Return the description of the stack that this plan makes."""
    run_dir = plan.run_dir
    return StackInfo(
        chat_url=f"{plan.web_url}/api/chat/",
        metrics_url=f"{plan.web_url}/api/metrics/",
        health_url=plan.health_url,
        fakezep_url=plan.fakezep_url,
        fakezep_admin_url=f"{plan.fakezep_url}/admin",
        fakezep_admin_key=plan.fakezep_admin_key,
        zep_via_proxy_url=plan.zep_via_proxy_url,
        zep_api_key=plan.zep_api_key,
        toxiproxy_url=plan.toxiproxy_url,
        redis_url=plan.redis_url,
        redis_via_proxy_url=plan.redis_via_proxy_url,
        store_proxy=STORE_PROXY,
        broker_url=plan.broker_url,
        namespace=plan.namespace,
        jwt=issue_jwt(plan.jwt_secret, USER, TOKEN_TTL_S),
        manage=tuple(manage_argv(run_dir)),
        supervisorctl=tuple(supervisorctl_argv(run_dir)),
        env_file=str(run_dir.env_file),
        log_file=str(run_dir.app_log),
        run_dir=str(run_dir.path),
        time_scale=float(plan.time_scale),
    )


def toxiproxy_config(plan: Plan) -> str:
    """Return the file of proxies that Toxiproxy starts with: a killed one comes back with its proxy."""
    ports = plan.ports
    ways = {ZEP_PROXY: (ports.zep_proxy, ports.fakezep), STORE_PROXY: (ports.store_proxy, ports.guard_store)}
    proxies = [
        {"name": name, "listen": f"127.0.0.1:{listen}", "upstream": f"127.0.0.1:{upstream}", "enabled": True}
        for name, (listen, upstream) in ways.items()
    ]
    return json.dumps(proxies, indent=2) + "\n"


def supervisor_config(run_dir: RunDir, programs: Sequence[Program]) -> str:
    """Return the supervisor's configuration.

    ``autostart`` is off since the parts must be ready before the app starts. A program killed again and again must
    not end in FATAL: ``startretries`` has no practical end; one that ran for a second starts again at once.
    """
    parts = (_SUPERVISORD.format(root=run_dir.path), _companion(run_dir), *(_program(run_dir, one) for one in programs))
    return "\n".join(parts)


_SUPERVISORD = """\
[supervisord]
nodaemon=true
silent=true
logfile={root}/logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={root}/supervisord.pid
childlogdir={root}/logs
directory={root}
umask=077
identifier=zepguard

[unix_http_server]
file={root}/s.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{root}/s.sock
"""

_LISTENER = """\
[eventlistener:delivery_follows_chat]
command={command}
events={events}
autostart=true
autorestart=true
startretries=1000000
stopwaitsecs=1
stderr_logfile={log}
stderr_logfile_maxbytes=1MB
stderr_logfile_backups=0
"""

_PROGRAM = """\
[program:{name}]
command={command}
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopwaitsecs={stop_wait_s}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=1
"""


def _companion(run_dir: RunDir) -> str:
    command = shlex.join(launched(run_dir, "companion", [*_PYTHON, "zepguard.stack.companion", str(run_dir.socket)]))
    return _LISTENER.format(
        command=command.replace("%", "%%"), events=",".join(EVENTS), log=run_dir.log("delivery_follows_chat")
    )


def _program(run_dir: RunDir, program: Program) -> str:
    command = shlex.join(launched(run_dir, program.name, program.argv))
    return _PROGRAM.format(
        name=program.name,
        # supervisord expands %(...)s.
        command=command.replace("%", "%%"),
        stop_wait_s=program.stop_wait_s,
        log=run_dir.log(program.name),
    )
