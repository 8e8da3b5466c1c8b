"""Settings of the chat app, from environment variables alone.

======================  =================================  ==========================================================
variable                default                            for
======================  =================================  ==========================================================
CHATAPP_SECRET_KEY      none; the web needs it             Django's secret key, 32 characters or more
CHATAPP_JWT_SECRET      none; the web needs it             HS256 secret of the persons' tokens, 32 characters or more
CHATAPP_METRICS_TOKEN   none: open                         bearer token of ``/api/metrics/``
CHATAPP_DATA_DIR        the working directory              folder of the SQLite file
DATABASE_URL            ``chat.sqlite3`` in the above      ``sqlite:///path`` or ``postgres://...``
CELERY_BROKER_URL       ``redis://127.0.0.1:6379/0``       tasks and turn events
CHATAPP_TURN_RESEND_S   1                                  first wait for a worker before a turn is sent again
CHATAPP_TURN_DEADLINE_S 5                                  a turn not answered by then is a 503
CHATAPP_TURNS_MAX       256                                turns that one web process has open at once
CHATAPP_MEMORY_SHARE    1                                  share of threads with memory; see ``memory_share.py``
CHATAPP_AGENT_FAILS     false                              true: the agent fails at each turn, for drills
ZEP_TIMEOUT_MS          1500                               the guard's; a worker may be silent that long
ZEPGUARD_LOG_FILE       none: standard error               JSON log lines
ZEPGUARD_PROGRAM        by program                         name of the program to the guard, such as ``uvicorn``
======================  =================================  ==========================================================

The guard's own variables are in ``docs/settings.md``. A value that cannot be used is refused here, by name; a secret
that is missing is refused by the program that needs it: the web, at start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from chatapp import environment

SECRET_CHARACTERS_MIN = 32
SECRET_KEY = environment.secret("CHATAPP_SECRET_KEY", characters_min=SECRET_CHARACTERS_MIN)
CHATAPP_JWT_SECRET = environment.secret("CHATAPP_JWT_SECRET", characters_min=SECRET_CHARACTERS_MIN)
CHATAPP_METRICS_TOKEN = environment.text("CHATAPP_METRICS_TOKEN")

CHATAPP_TURN_RESEND_S = environment.number("CHATAPP_TURN_RESEND_S", 1, lowest=0.05, highest=60)
CHATAPP_TURN_DEADLINE_S = environment.number("CHATAPP_TURN_DEADLINE_S", 5, lowest=0.1, highest=600)
CHATAPP_TURN_SILENCE_S = (  # a bad timeout is the guard's to refuse
    environment.number_or_default("ZEP_TIMEOUT_MS", 1500, lowest=10, highest=60_000) / 1000 + CHATAPP_TURN_RESEND_S
)
CHATAPP_TURNS_MAX = int(environment.number("CHATAPP_TURNS_MAX", 256, lowest=1, highest=10_000))
CHATAPP_MEMORY_SHARE = environment.number("CHATAPP_MEMORY_SHARE", 1, lowest=0, highest=1)
CHATAPP_AGENT_FAILS = environment.yes("CHATAPP_AGENT_FAILS")

CELERY_BROKER_URL = environment.broker_url("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CHATAPP_LOG_FILE = environment.text("ZEPGUARD_LOG_FILE")
CHATAPP_PROGRAM = environment.text("ZEPGUARD_PROGRAM")

DEBUG = False
ALLOWED_HOSTS = ["*"]  # nothing here reads the Host header
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
ROOT_URLCONF = "chatapp.urls"
MIDDLEWARE: list[str] = []
TEMPLATES: list[dict[str, Any]] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["guard.django", "chatapp"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # far over 4,096 characters: a message that is too long is told so


def _database(url: str) -> dict[str, Any]:
    # A worker's threads keep their connection; the web's live for one request each, so there it would leak.
    keeps = CHATAPP_PROGRAM.startswith("celery")
    try:
        found: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=60 if keeps else 0, conn_health_checks=True)}
    except (ValueError, KeyError, dj_database_url.UnknownSchemeError):
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read; write sqlite:///path or postgres://user:password@host:port/name"
        ) from None
    options: dict[str, Any] = found.setdefault("OPTIONS", {})
    if found["ENGINE"].endswith("sqlite3"):
        # Deferred transactions that read first fail at once when another writes; immediate ones wait their turn.
        options |= {"transaction_mode": "IMMEDIATE", "timeout": 10}
    else:
        options.setdefault("connect_timeout", 3)
    return found


DATA_DIR = Path(environment.text("CHATAPP_DATA_DIR", str(Path.cwd())))
DATABASES = {"default": _database(environment.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'chat.sqlite3'}"))}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "discreet": {"()": "chatapp.discretion.DiscreetFilter"},
        "private": {"()": "guard.logs.RedactingFilter", "exceptions": False},  # the formatter shows no exception's text
    },
    "formatters": {
        "line": {
            "()": "chatapp.discretion.DiscreetFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["discreet", "private"]}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {
        "celery": {"level": "INFO"},
        "celery.app.trace": {"level": "WARNING"},  # a line a task, the result in it
        "celery.worker.strategy": {"level": "WARNING"},
        # Django's default adds its own handlers here; ours is enough.
        "django": {"level": "WARNING", "handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # a person's mistake is no event
        # uvicorn's own handlers would write exceptions with their text.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.access": {"handlers": [], "propagate": True},
    },
}
