"""Where a fault goes: one proxy between the guard and the fake Zep, and the fake Zep's controls."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chaos.errors import SettingRefused


@dataclass(frozen=True, kw_only=True)
class ChaosTarget:
    """The addresses of one running stack. Keys stay out of its repr, so also out of logs and reports.

    ``zep_via_proxy_url`` is what the guard calls: the address on which the proxy listens. Probes go there.
    """

    toxiproxy_url: str
    zep_via_proxy_url: str
    fakezep_admin_url: str
    admin_key: str = field(repr=False)
    zep_api_key: str = field(repr=False)
    proxy: str = "zep"

    def __post_init__(self) -> None:
        """Refuse addresses that are no plain HTTP."""
        for name in ("toxiproxy_url", "zep_via_proxy_url", "fakezep_admin_url"):
            require_http_url(name, getattr(self, name))
        if not self.proxy:
            raise SettingRefused("proxy", self.proxy, "give the name of a proxy on the Toxiproxy server")


def require_http_url(name: str, value: str) -> None:
    """Refuse what is no ``http://host:port`` address. Faults hit test stacks, and those speak plain HTTP."""
    remedy = "give an address such as http://127.0.0.1:8474"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise SettingRefused(name, value, remedy) from error
    if parts.scheme != "http" or not parts.hostname or port is None:
        raise SettingRefused(name, value, remedy)
