"""Accept messages into the outbox, in the app's own transaction; claim and settle them for the delivery."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from guard.core.ids import check_id
from guard.django.models import OutboxMessage
from guard.outbox.rows import BATCH_MAX, Batch, Row

__all__ = ["DjangoRows", "accept"]

_ERROR_CHARACTERS_MAX = 300


def accept(*, user_id: str, thread_id: str, role: str, content: str, turn_id: uuid.UUID) -> OutboxMessage:
    """Put a message into the outbox. Call it inside the transaction that accepts the turn.

    Raises:
        UnsafeId: an id that would ask Zep for another path.
        IntegrityError: this turn already has a message of that role.
    """
    check_id("user", user_id)
    check_id("thread", thread_id)
    return OutboxMessage.objects.create(
        user_id=user_id, thread_id=thread_id, role=role, content=content, turn_id=turn_id
    )


def _undelivered() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.exclude(state=OutboxMessage.State.DELIVERED)


class DjangoRows:
    """The outbox table over Django's models (``guard.outbox.rows.OutboxRows``)."""

    def claim(self, *, now: float, lease_s: float) -> Batch | None:
        """Claim the messages of one thread that is due, or None."""
        # A look that finds nothing is no write: on SQLite every transaction here takes the one write lock.
        if not self._due_heads(now).exists():
            return None
        with transaction.atomic():
            heads = self._due_heads(now)
            if connection.features.has_select_for_update_skip_locked:
                heads = heads.select_for_update(skip_locked=True)
            head = heads.first()
            return None if head is None else self._take(head, now, lease_s)

    def _due_heads(self, now: float) -> QuerySet[OutboxMessage]:
        """The oldest undelivered message of each thread, if it is due or its claim has run out."""
        earlier = _undelivered().filter(thread_id=OuterRef("thread_id"), id__lt=OuterRef("id"))
        due = Q(state=OutboxMessage.State.PENDING, not_before__lte=now)
        abandoned = Q(state=OutboxMessage.State.SENDING, claimed_until__lte=now)
        return _undelivered().filter(due | abandoned).exclude(Exists(earlier)).order_by("not_before", "id")

    def _take(self, head: OutboxMessage, now: float, lease_s: float) -> Batch | None:
        found = list(_undelivered().filter(thread_id=head.thread_id, id__gte=head.id).order_by("id")[:BATCH_MAX])
        claim = secrets.token_hex(16)
        keys = [message.id for message in found]
        abandoned = head.state == OutboxMessage.State.SENDING
        mine = _undelivered().filter(id=head.id, state=head.state, claim=head.claim)
        if not mine.update(claim=claim):
            return None
        OutboxMessage.objects.filter(id__in=keys).update(
            state=OutboxMessage.State.SENDING,
            claim=claim,
            claimed_until=now + lease_s,
            attempts=F("attempts") + 1,
        )
        return Batch(
            claim=claim,
            until=now + lease_s,
            user_id=head.user_id,
            thread_id=head.thread_id,
            rows=[_row(m, unsure=m.unsure or (abandoned and m.state == OutboxMessage.State.SENDING)) for m in found],
            attempts=head.attempts + 1,
        )

    def delivered(self, batch: Batch, keys: Sequence[int], *, now: float) -> None:
        """Zep has these; a claim that was lost meanwhile does not matter, they are there."""
        OutboxMessage.objects.filter(id__in=keys).update(
            state=OutboxMessage.State.DELIVERED, delivered_at=now, claim="", last_error=""
        )

    def put_back(self, batch: Batch, *, not_before: float, unsure: bool, error: str, attempted: bool) -> None:
        """Give up the claim until ``not_before``."""
        mine = _undelivered().filter(claim=batch.claim)
        sure = [row.key for row in batch.rows if not (row.unsure or unsure)]
        changes = {
            "state": OutboxMessage.State.PENDING,
            "claim": "",
            "not_before": not_before,
            "last_error": error[:_ERROR_CHARACTERS_MAX],
            "attempts": F("attempts") - (0 if attempted else 1),
        }
        with transaction.atomic():
            mine.filter(id__in=sure).update(**changes, unsure=False)
            mine.exclude(id__in=sure).update(**changes, unsure=True)


def _row(message: OutboxMessage, *, unsure: bool) -> Row:
    return Row(
        key=message.id,
        outbox_id=str(message.outbox_id),
        role=message.role,
        content=message.content,
        created_at=message.created_at.isoformat().replace("+00:00", "Z"),
        unsure=unsure,
    )
