"""The outbox table. Migrations are additive for one release, so that the release before can be put back."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

__all__ = ["OutboxMessage"]


class OutboxMessage(models.Model):
    """One message of a chat on its way to Zep."""

    class State(models.TextChoices):
        """Where it is."""

        PENDING = "pending"
        SENDING = "sending"
        DELIVERED = "delivered"

    id = models.BigAutoField(primary_key=True)
    outbox_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    turn_id = models.UUIDField()
    role = models.CharField(max_length=20)
    user_id = models.CharField(max_length=200)
    thread_id = models.CharField(max_length=200)
    content = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.FloatField(default=0.0)  # unix seconds
    claim = models.CharField(max_length=32, default="", blank=True)
    claimed_until = models.FloatField(default=0.0)  # unix seconds
    unsure = models.BooleanField(default=False)
    last_error = models.CharField(max_length=300, default="", blank=True)
    delivered_at = models.FloatField(null=True, blank=True)  # unix seconds

    class Meta:
        """One message of a role a turn; the undelivered are found by thread and by when they are due."""

        app_label = "zepguard"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["turn_id", "role"], name="zepguard_one_message_a_role_a_turn")
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
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.thread_id} ({self.state})"
