"""The outbox tables. Migrations are additive for one release, so that the release before can be put back: each new
column has a default in the database, and a state that the release before does not know has a table of its own.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

__all__ = ["DeadLetter", "OutboxMessage"]


class _Message(models.Model):
    """What a message carries from one table to the other."""

    id = models.BigAutoField(primary_key=True)
    outbox_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    turn_id = models.UUIDField()
    part = models.PositiveIntegerField(default=0, db_default=0)
    role = models.CharField(max_length=20)
    user_id = models.CharField(max_length=200)
    thread_id = models.CharField(max_length=200)
    content = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    unknown = models.BooleanField(default=False, db_default=False)  # sent again; the first request may land late

    class Meta:
        """No table of its own."""

        abstract = True


class OutboxMessage(_Message):
    """One message of a chat on its way to Zep, or a part of a long one."""

    class State(models.TextChoices):
        """Where it is."""

        PENDING = "pending"
        SENDING = "sending"
        DELIVERED = "delivered"

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    not_before = models.FloatField(default=0.0)  # unix seconds
    claim = models.CharField(max_length=32, default="", blank=True)
    claimed_until = models.FloatField(default=0.0)  # unix seconds
    unsure = models.BooleanField(default=False)  # looked up before it is sent again
    settles_at = models.FloatField(default=0.0, db_default=0.0)  # unix seconds; not sent again before
    behind = models.BooleanField(default=False, db_default=False)  # a hint: an earlier one of its thread waits
    forgotten = models.BooleanField(default=False, db_default=False)  # its text is gone, its request may be under way
    last_error = models.CharField(max_length=300, default="", blank=True)
    delivered_at = models.FloatField(null=True, blank=True)  # unix seconds

    class Meta:
        """One message of a role a turn; each look of a claim and of the upkeep has its index."""

        app_label = "zepguard"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["turn_id", "role", "part"], name="zepguard_one_part_a_role_a_turn")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["thread_id", "id"],
                name="zepguard_undelivered_thread",
                condition=~models.Q(state="delivered"),
            ),
            models.Index(
                fields=["not_before", "id"],
                name="zepguard_undelivered_due",
                condition=~models.Q(state="delivered"),
            ),
            models.Index(
                fields=["not_before", "id"],
                name="zepguard_in_line",
                condition=models.Q(state="pending", behind=False),
            ),
            models.Index(fields=["claimed_until", "id"], name="zepguard_sending", condition=models.Q(state="sending")),
            models.Index(fields=["delivered_at"], name="zepguard_delivered", condition=models.Q(state="delivered")),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.thread_id} ({self.state})"


class DeadLetter(_Message):
    """A message that Zep refused for good, until an operator sends it again or drops it."""

    reason = models.CharField(max_length=300)
    died_at = models.FloatField()  # unix seconds

    class Meta:
        """The oldest go first."""

        app_label = "zepguard"
        indexes: ClassVar = [models.Index(fields=["died_at"], name="zepguard_died")]

    def __str__(self) -> str:
        return f"{self.role} of {self.thread_id}: {self.reason}"
