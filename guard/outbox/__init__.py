"""Messages on their way to Zep: kept in the app's database until Zep has them, delivered in order, once."""

from guard.outbox.delivery import DeliveryLoop
from guard.outbox.rows import Batch, OutboxRows, Row

__all__ = ["Batch", "DeliveryLoop", "OutboxRows", "Row"]
