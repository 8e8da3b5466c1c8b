"""The web as an ASGI application: ``uvicorn chatapp.asgi:application``."""

from __future__ import annotations

import os
from typing import cast

from asgiref.typing import ASGI3Application
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
_django = cast(ASGI3Application, get_asgi_application())

from django.conf import settings  # noqa: E402 - the rest may be imported once Django is set up

from chatapp import metrics  # noqa: E402
from chatapp.turns import tasks  # noqa: E402, F401 - costs much the first time, and that is no person's turn
from chatapp.web.body_limit import BodyLimit  # noqa: E402
from chatapp.web.first_token import FirstToken  # noqa: E402
from chatapp.web.lifespan import Lifespan  # noqa: E402
from chatapp.web.views import CHAT_PATH  # noqa: E402

__all__ = ["application"]

application = Lifespan(
    FirstToken(
        BodyLimit(_django, bytes_max=settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        path=CHAT_PATH,
        observe=metrics.AGENT_LATENCY.observe,
    )
)
