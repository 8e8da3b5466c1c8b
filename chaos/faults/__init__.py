"""The faults, by the name that the command line knows them by.

A new fault is one file: copy no_op.py, and name its class here.
"""

from collections.abc import Mapping

from chaos.errors import UnknownFault
from chaos.fault import Fault
from chaos.faults.black_hole import BlackHole
from chaos.faults.drip import Drip
from chaos.faults.half_answer import HalfAnswer
from chaos.faults.http_401 import Http401
from chaos.faults.http_403 import Http403
from chaos.faults.http_429 import Http429
from chaos.faults.http_503 import Http503
from chaos.faults.late_answer import LateAnswer
from chaos.faults.late_write import LateWrite
from chaos.faults.latency import Latency
from chaos.faults.lost_answer import LostAnswer
from chaos.faults.maintenance import Maintenance
from chaos.faults.message_refused import MessageRefused
from chaos.faults.no_op import NoOp
from chaos.faults.refused import Refused
from chaos.faults.reset import Reset
from chaos.settings import settings_from_text

_CLASSES: tuple[type[Fault], ...] = (
    NoOp,
    BlackHole,
    Refused,
    Latency,
    Reset,
    Drip,
    HalfAnswer,
    Http401,
    Http403,
    Http429,
    Http503,
    LostAnswer,
    LateAnswer,
    LateWrite,
    MessageRefused,
    Maintenance,
)

FAULTS: dict[str, type[Fault]] = {cls.name: cls for cls in _CLASSES}


def fault_named(name: str, settings: Mapping[str, str] | None = None) -> Fault:
    """Return the fault ``name`` with these settings as text, the others at their defaults.

    Raises UnknownFault, and SettingRefused with the setting's name.
    """
    if name not in FAULTS:
        raise UnknownFault(name, tuple(FAULTS))
    return settings_from_text(FAULTS[name], settings or {})
