"""Readers of environment variables: a value that cannot be used is refused by name, with the remedy."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

__all__ = ["broker_url", "number", "number_or_default", "secret", "text", "yes"]


def text(name: str, default: str = "") -> str:
    """The variable's value without surrounding blanks, or the default if it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def yes(name: str) -> bool:
    """Whether the variable is ``true``; unset it is not.

    Raises:
        ImproperlyConfigured: with the variable, its value and what it may hold.
    """
    value = text(name, "false")
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name}={value!r} is neither; write true or false")
    return value == "true"


def number(name: str, default: float, *, lowest: float, highest: float) -> float:
    """The variable as a number within bounds.

    Raises:
        ImproperlyConfigured: with the variable, its value and what it may hold.
    """
    value = text(name, str(default))
    try:
        found = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is no number; write one, such as {default:g}") from None
    if not lowest <= found <= highest:
        raise ImproperlyConfigured(f"{name}={value!r} is out of range; write {lowest:g} to {highest:g}")
    return found


def number_or_default(name: str, default: float, *, lowest: float, highest: float) -> float:
    """The variable as a number within bounds, or the default: for one that is another's to refuse."""
    try:
        return number(name, default, lowest=lowest, highest=highest)
    except ImproperlyConfigured:
        return default


def secret(name: str, *, characters_min: int) -> str:
    """The variable as a secret; empty if unset, since not every program needs every secret.

    Raises:
        ImproperlyConfigured: for one too short to be safe; its value is never shown.
    """
    value = text(name)
    if value and len(value) < characters_min:
        raise ImproperlyConfigured(
            f"{name} has {len(value)} characters; write at least {characters_min} random ones, such as from "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return value


def broker_url(name: str, default: str) -> str:
    """The variable as a URL that both Celery and redis-py understand.

    Raises:
        ImproperlyConfigured: for another scheme than ``redis``, ``rediss`` or ``redis+socket``.
    """
    value = text(name, default)
    schemes = ("redis", "rediss", "redis+socket")
    if urlsplit(value).scheme not in schemes:
        raise ImproperlyConfigured(
            f"{name} has the scheme {urlsplit(value).scheme!r}; write redis://host:port/db, rediss://... or "
            "redis+socket:///path: turns travel over the broker's own lists"
        )
    return value
