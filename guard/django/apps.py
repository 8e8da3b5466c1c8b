"""Django's view of the guard."""

from django.apps import AppConfig

__all__ = ["GuardConfig"]


class GuardConfig(AppConfig):
    """The app ``zepguard``: outbox table and management command."""

    name = "guard.django"
    label = "zepguard"
    verbose_name = "zepguard"
    default_auto_field = "django.db.models.BigAutoField"
