"""How long the fake thinks before it answers: one default, and one setting a route that overrides it."""

import random
from dataclasses import dataclass

from fakezep.core._wire import Json

LATENCY_S_MAX = 3600.0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """A delay drawn evenly from ``seconds - jitter_s`` to ``seconds + jitter_s``, never below 0.

    Raises ValueError for a value outside 0 to 3600 seconds.
    """

    seconds: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seconds", "jitter_s"):
            if not 0 <= getattr(self, name) <= LATENCY_S_MAX:
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 to {LATENCY_S_MAX:.0f} seconds")

    def draw(self, rng: random.Random) -> float:
        """One delay in seconds."""
        if not self.jitter_s:
            return self.seconds
        return max(0.0, rng.uniform(self.seconds - self.jitter_s, self.seconds + self.jitter_s))

    def as_json(self) -> Json:
        """As the admin API shows it."""
        return {"seconds": self.seconds, "jitter_s": self.jitter_s}


class LatencyPlan:
    """The latency of each route."""

    def __init__(self) -> None:
        self._default = Latency()
        self._routes: dict[str, Latency] = {}

    def put(self, latency: Latency, route: str | None = None) -> None:
        """Set the latency of one route, or of all routes that have none of their own."""
        if route is None:
            self._default = latency
        else:
            self._routes[route] = latency

    def clear(self) -> None:
        """Answer at once again, everywhere."""
        self._default = Latency()
        self._routes.clear()

    def draw(self, route: str | None, rng: random.Random) -> float:
        """A delay in seconds for one request on ``route`` (None for an unknown path)."""
        return self._routes.get(route or "", self._default).draw(rng)

    def as_json(self) -> Json:
        """As the admin API shows it."""
        routes = {name: latency.as_json() for name, latency in self._routes.items()}
        return {"default": self._default.as_json(), "routes": routes}
