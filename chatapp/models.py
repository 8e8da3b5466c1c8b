"""What the chat app keeps: whose a thread is, and how far a turn came."""

from __future__ import annotations

from django.db import models

from guard.core.ids import ID_CHARACTERS_MAX

__all__ = ["ChatThread", "Turn"]


class ChatThread(models.Model):
    """A thread and its owner: whoever wrote into it first."""

    thread_id = models.CharField(max_length=ID_CHARACTERS_MAX, unique=True)
    user_id = models.CharField(max_length=ID_CHARACTERS_MAX)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"thread {self.thread_id}"


class Turn(models.Model):
    """One message and its answer. The row is the claim on the turn: ``attempt`` fences all but the newest holder."""

    class State(models.TextChoices):
        """How far the turn came."""

        CLAIMED = "claimed"
        DONE = "done"

    id = models.UUIDField(primary_key=True)
    thread = models.ForeignKey(ChatThread, on_delete=models.CASCADE, related_name="turns")
    attempt = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.CLAIMED)
    reply = models.TextField(default="")
    memory = models.JSONField(default=dict)
    apology = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """An attempt is counted from 1."""

        constraints = (models.CheckConstraint(condition=models.Q(attempt__gte=1), name="turn_attempt_from_1"),)

    def __str__(self) -> str:
        return f"turn {self.pk} ({self.state}, attempt {self.attempt})"
