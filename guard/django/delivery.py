"""The delivery loop over Django's table."""

from __future__ import annotations

from django.db import close_old_connections

from guard.django.outbox import DjangoRows
from guard.outbox.delivery import DeliveryLoop as _DeliveryLoop
from guard.service import MemoryService

__all__ = ["DeliveryLoop"]


class DeliveryLoop(_DeliveryLoop):
    """Delivers the messages of ``guard.django``'s outbox.

    Args:
        service: the guard.
        parallel: threads of conversation served at once.
    """

    def __init__(self, service: MemoryService, *, parallel: int = 4) -> None:
        super().__init__(service, DjangoRows(), parallel=parallel, between=close_old_connections)
