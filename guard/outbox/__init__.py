"""Messages on their way to Zep: kept in the app's database until Zep has them, delivered in order, once.

``guard.django`` keeps them in a Django app's database, ``guard.outbox.dbapi`` in any SQLite or PostgreSQL one.
"""

from guard.outbox.acceptance import Acceptance
from guard.outbox.delivery import DeliveryLoop
from guard.outbox.rows import Batch, Counts, DeadLetter, Forgotten, OutboxRows, Row

__all__ = ["Acceptance", "Batch", "Counts", "DeadLetter", "DeliveryLoop", "Forgotten", "OutboxRows", "Row"]
