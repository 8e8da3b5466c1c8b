"""``manage.py issue_jwt``: a token to chat with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatapp.tokens import issue_jwt
from guard.errors import UnsafeId

__all__ = ["Command"]


class Command(BaseCommand):
    """Print a JWT."""

    help = "Print a JWT for a user, signed with CHATAPP_JWT_SECRET."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--sub", required=True, help="the user's id, also in Zep")
        parser.add_argument("--ttl", type=float, default=3600.0, help="seconds until it expires (3600)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the token alone, so that a shell can take it."""
        if not settings.CHATAPP_JWT_SECRET:
            raise CommandError("CHATAPP_JWT_SECRET is not set: use the web's")
        try:
            self.stdout.write(issue_jwt(settings.CHATAPP_JWT_SECRET, options["sub"], options["ttl"]))
        except UnsafeId as error:
            raise CommandError(str(error)) from None
