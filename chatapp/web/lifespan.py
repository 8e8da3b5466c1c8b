"""The start and the stop of a web process."""

from __future__ import annotations

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, LifespanScope, Scope
from django.core.exceptions import ImproperlyConfigured

from chatapp import environment, memory
from chatapp.turns import publishing
from chatapp.turns.asking import close_turns
from chatapp.turns.mailbox import close_inbox
from guard.errors import SettingsError

__all__ = ["Lifespan", "require_secrets"]

_GRACE_S = 10.0


def require_secrets() -> None:
    """Refuse to start without what the web needs.

    Raises:
        ImproperlyConfigured: naming the variable that is missing.
    """
    for variable in ("CHATAPP_SECRET_KEY", "CHATAPP_JWT_SECRET"):
        if not environment.text(variable):
            raise ImproperlyConfigured(f"{variable} is not set: the web needs 32 or more random characters")


class Lifespan:
    """An ASGI layer that checks the settings at the start and lets turns end at the stop."""

    def __init__(self, app: ASGI3Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve the lifespan here and all else below."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, _: LifespanScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        try:
            require_secrets()
            memory.prepare()
        except (ImproperlyConfigured, SettingsError) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await close_turns(_GRACE_S)
        await close_inbox()
        publishing.close()
        memory.service().close()
        await send({"type": "lifespan.shutdown.complete"})
