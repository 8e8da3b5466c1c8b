"""What a program of the stack may inherit from the shell that started it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["clean_environment"]

_OURS = (
    "FLAG_ZEP_",
    "ZEP_",
    "ZEPGUARD_",
    "GUARD_",
    "CHATAPP_",
    "FAKEZEP_",
    "CELERY_",
    "DJANGO_",
    "DATABASE_",
    "PROMETHEUS_MULTIPROC",
    "PROMETHEUS_DISABLE",
    "SUPERVISOR_",
    "UVICORN_",
    "WEB_CONCURRENCY",
)
# Everything here is on the loopback: a proxy of the caller's shell must not stand between the stack's programs.
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy", "forwarded_allow_ips"})


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` without what the stack decides itself: flags, keys, addresses, proxies."""
    return {
        key: value
        for key, value in environ.items()
        if not key.upper().startswith(_OURS) and key.lower() not in _PROXIES
    }
