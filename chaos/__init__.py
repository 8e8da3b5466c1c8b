"""Faults on a real stack of processes: start, stop, and proof that they happened.

The contents, from the outside in:

    run.py            one fault, from start to the last thing undone: what the command line and the drill call
    faults/           one file per fault, and their registry; no_op.py is the example to copy
    fault.py          what a fault is, and its receipt
    probe.py          one connection through the proxy, and how it ended
    toxiproxy.py      the one way to a Toxiproxy server
    fakezep_admin.py  the one way to the fake Zep's fault and journal controls
    target.py         where a fault goes
    settings.py       settings from text, refused by name
    errors.py         the error tree
"""

from chaos.errors import ChaosError
from chaos.fault import Fault, LiveFault, Receipt
from chaos.faults import FAULTS, fault_named
from chaos.run import RunReport, run_fault
from chaos.target import ChaosTarget

__all__ = [
    "FAULTS",
    "ChaosError",
    "ChaosTarget",
    "Fault",
    "LiveFault",
    "Receipt",
    "RunReport",
    "fault_named",
    "run_fault",
]
