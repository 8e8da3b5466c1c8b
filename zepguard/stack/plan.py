"""What one stack will be: addresses, keys, and the environment of its programs. Chosen once, before the start."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, fields
from typing import Literal

from zepguard.stack.layout import RunDir
from zepguard.stack.ports import free_ports
from zepguard.time_scale import scaled

__all__ = ["MODES", "Mode", "Plan", "Ports", "flags_of"]

Mode = Literal["read_write", "write_only"]
MODES: tuple[Mode, ...] = ("read_write", "write_only")

_HOLD_S = 300.0
_BREAKER_OPEN_S = 30.0
_OUTBOX_BACKOFF_MAX_S = 60.0
_OUTBOX_SETTLE_S = 30.0
_CACHE_FRESH_S = 60.0
_CACHE_STALE_S = 600.0
_TREND_MINUTE_S = 60.0
_TIMEOUT_MS = 1500


@dataclass(frozen=True, kw_only=True)
class Ports:
    """A port of the loopback for each server."""

    web: int
    fakezep: int
    toxiproxy: int
    zep_proxy: int
    guard_store: int
    store_proxy: int
    broker: int

    @classmethod
    def choose(cls) -> Ports:
        """Return ports that are free now."""
        names = [one.name for one in fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))


def flags_of(mode: Mode) -> dict[str, str]:
    """Return the three flags that ask for a base mode."""
    return {
        "ZEP_ENABLED": "true",
        "FLAG_ZEP_WRITE": "true",
        "FLAG_ZEP_READ": "true" if mode == "read_write" else "false",
    }


def _secret() -> str:
    return secrets.token_urlsafe(36)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is decided before anything starts. Keys are made fresh and stay out of its repr."""

    run_dir: RunDir
    ports: Ports
    mode: Mode
    time_scale: float
    namespace: str = "zepguard"
    database_url: str | None = field(default=None, repr=False)
    zep_api_key: str = field(default_factory=_secret, repr=False)
    fakezep_admin_key: str = field(default_factory=_secret, repr=False)
    jwt_secret: str = field(default_factory=_secret, repr=False)
    secret_key: str = field(default_factory=_secret, repr=False)

    @property
    def web_url(self) -> str:
        """The chat app's root."""
        return _http(self.ports.web)

    @property
    def health_url(self) -> str:
        """Where the web says that it is up."""
        return f"{self.web_url}/healthz"

    @property
    def fakezep_url(self) -> str:
        """The fake Zep's root, past Toxiproxy."""
        return _http(self.ports.fakezep)

    @property
    def zep_via_proxy_url(self) -> str:
        """What the guard calls: the fake Zep behind Toxiproxy."""
        return _http(self.ports.zep_proxy)

    @property
    def toxiproxy_url(self) -> str:
        """Toxiproxy's own API."""
        return _http(self.ports.toxiproxy)

    @property
    def redis_url(self) -> str:
        """The guard's store, past Toxiproxy."""
        return _store(self.ports.guard_store)

    @property
    def redis_via_proxy_url(self) -> str:
        """What the guard asks: its store behind Toxiproxy."""
        return _store(self.ports.store_proxy)

    @property
    def broker_url(self) -> str:
        """Celery's broker."""
        return f"redis://127.0.0.1:{self.ports.broker}/0"

    def environment(self) -> dict[str, str]:
        """Return what the env file says at the start. Times longer than ten seconds are divided here."""
        run_dir = self.run_dir
        return {
            **flags_of(self.mode),
            "ZEP_BASE_URL": self.zep_via_proxy_url,
            "ZEP_API_KEY": self.zep_api_key,
            "ZEP_TIMEOUT_MS": str(_TIMEOUT_MS),
            "ZEP_FAILURE_WITNESSES": "1",
            "GUARD_REDIS_URL": self.redis_via_proxy_url,
            "ZEPGUARD_NAMESPACE": self.namespace,
            "ZEPGUARD_HOLD_S": f"{scaled(_HOLD_S, self.time_scale):g}",
            "ZEPGUARD_BREAKER_OPEN_S": f"{scaled(_BREAKER_OPEN_S, self.time_scale):g}",
            "ZEPGUARD_OUTBOX_BACKOFF_MAX_S": f"{scaled(_OUTBOX_BACKOFF_MAX_S, self.time_scale):g}",
            "ZEPGUARD_OUTBOX_SETTLE_S": f"{scaled(_OUTBOX_SETTLE_S, self.time_scale):g}",
            "ZEPGUARD_CACHE_FRESH_S": f"{scaled(_CACHE_FRESH_S, self.time_scale):g}",
            "ZEPGUARD_CACHE_STALE_S": f"{scaled(_CACHE_STALE_S, self.time_scale):g}",
            "ZEPGUARD_TREND_MINUTE_S": f"{scaled(_TREND_MINUTE_S, self.time_scale):g}",
            "ZEPGUARD_LOG_FILE": str(run_dir.app_log),
            "CELERY_BROKER_URL": self.broker_url,
            "DATABASE_URL": self.database_url or f"sqlite:///{run_dir.data('data')}/chat.sqlite3",
            "CHATAPP_DATA_DIR": str(run_dir.data("data")),
            "CHATAPP_SECRET_KEY": self.secret_key,
            "CHATAPP_JWT_SECRET": self.jwt_secret,
            "DJANGO_SETTINGS_MODULE": "chatapp.settings",
            "PROMETHEUS_MULTIPROC_DIR": str(run_dir.data("metrics")),
            "FAKEZEP_API_KEY": self.zep_api_key,
            "FAKEZEP_ADMIN_KEY": self.fakezep_admin_key,
        }


def _store(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def _http(port: int) -> str:
    return f"http://127.0.0.1:{port}"
