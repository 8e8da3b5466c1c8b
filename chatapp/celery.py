"""The Celery app: ``celery -A chatapp worker --pool threads --concurrency 16 -Q chat`` answers turns, and
``celery -A chatapp worker --pool threads --concurrency 2 -Q deliveries`` delivers messages to memory.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import django
from celery import Celery, signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

__all__ = ["CHAT_QUEUE", "DELIVERY_QUEUE", "app"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")

CHAT_QUEUE = "chat"
DELIVERY_QUEUE = "deliveries"

# Celery's own way with Django closes the database connection after each task; ours is in the tasks.
app = Celery("chatapp", fixups=[])
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    include=["chatapp.turns.tasks"],
    task_default_queue=CHAT_QUEUE,
    task_ignore_result=True,
    result_backend=None,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_prefetch_multiplier=1,  # a killed worker takes with it what it has fetched
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=1,
    # Celery waits for a frozen broker without end otherwise, and retries a refusing one for ever.
    broker_transport_options={
        "socket_timeout": 1.0,
        "socket_connect_timeout": 1.0,
        "max_retries": 0,
    },
)


@signals.import_modules.connect(weak=False)
def _set_up_django(**_: Any) -> None:
    django.setup()


@signals.setup_logging.connect(weak=False)
def _keep_logging(**_: Any) -> None:
    """Django's settings have configured logging; a receiver here keeps Celery from doing it again."""


@signals.worker_init.connect(weak=False)
def _prepare(**_: Any) -> None:
    from chatapp import memory
    from guard.errors import SettingsError

    try:
        memory.prepare()
    except (SettingsError, ImproperlyConfigured) as error:
        sys.exit(f"celery: {error}")  # Celery swallows exceptions of receivers, but not an exit


@signals.worker_ready.connect(weak=False)
def _start(sender: Any, **_: Any) -> None:
    from chatapp import memory
    from chatapp.deliveries import deliveries

    memory.service().start_heartbeat()
    if DELIVERY_QUEUE in sender.app.amqp.queues.consume_from:
        deliveries.start(memory.service())


@signals.worker_shutting_down.connect(weak=False)
def _wind_down(**_: Any) -> None:
    from chatapp.deliveries import deliveries

    deliveries.wind_down()


@signals.worker_shutdown.connect(weak=False)
def _stop(**_: Any) -> None:
    from chatapp import memory
    from chatapp.deliveries import deliveries
    from chatapp.turns.mailbox import post_office

    deliveries.stop()
    memory.service().close()
    post_office.close()
