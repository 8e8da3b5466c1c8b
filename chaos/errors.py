"""The errors of this package, split by whose fault it is.

    ChaosError
    ├── SettingRefused          the caller's: a setting, by name (also a ValueError)
    ├── UnknownFault            the caller's: no fault of that name
    ├── ToxiproxyError
    │   ├── ToxiproxyUnreachable    nobody answers there, or not in time
    │   ├── ProxyMissing            the server has no such proxy
    │   ├── ToxicMissing            the proxy has no such toxic
    │   ├── AlreadyThere            a proxy or toxic of that name exists
    │   └── ToxiproxyRefused        the server understood and said no, or failed
    └── FakeZepAdminError
        ├── FakeZepUnreachable      nobody answers there, or not in time
        ├── AdminKeyRefused         the admin key is not the one that fakezep was started with
        └── AdminRequestRefused     fakezep understood and said no, or failed

Each message says what happened, to what, and what to do next.
"""


class ChaosError(Exception):
    """The root: catching it catches all that this package raises on purpose."""


class SettingRefused(ChaosError, ValueError):
    """A setting has a value that it cannot have."""

    def __init__(self, name: str, value: object, remedy: str) -> None:
        """``name`` of the setting, the ``value`` it was given, and in ``remedy`` what it must be."""
        self.name = name
        self.value = value
        self.remedy = remedy
        super().__init__(f"{name} = {value!r} is refused: {remedy}")


class UnknownFault(ChaosError, LookupError):
    """There is no fault of that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        """``name`` as asked for, and the ``known`` ones."""
        self.name = name
        self.known = known
        super().__init__(f"There is no fault {name!r}. There are: {', '.join(known)}.")

    def __str__(self) -> str:
        """Return the sentence; a plain LookupError would show it in quotes."""
        return str(self.args[0])


class ToxiproxyError(ChaosError):
    """Something about a Toxiproxy server."""


class ToxiproxyUnreachable(ToxiproxyError):
    """The Toxiproxy server does not answer."""


class ProxyMissing(ToxiproxyError):
    """The Toxiproxy server has no proxy of that name."""


class ToxicMissing(ToxiproxyError):
    """The proxy has no toxic of that name."""


class AlreadyThere(ToxiproxyError):
    """A proxy or a toxic of that name exists already."""


class ToxiproxyRefused(ToxiproxyError):
    """Toxiproxy answered with an error of its own."""


class FakeZepAdminError(ChaosError):
    """Something about the fake Zep's controls."""


class FakeZepUnreachable(FakeZepAdminError):
    """The fake Zep's controls do not answer."""


class AdminKeyRefused(FakeZepAdminError):
    """The fake Zep does not accept this admin key."""


class AdminRequestRefused(FakeZepAdminError):
    """The fake Zep answered a control request with an error."""
