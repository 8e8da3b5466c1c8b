"""The evidence of a run: what was seen, judged by the checklist, in one folder that a release owner can sign.

A program that has something to show makes an ``Evidence`` and writes it::

    from zepguard.evidence import Evidence, ItemResult, Run, product, write

    run = Run(command="zepguard soak", world="sim", time_scale=1, started=began, finished=now_text())
    seen = ("99.71 % of 17280 writes",)
    told = ItemResult(item="soak-writes", status="passed", where="sim", by="zepguard soak", seen=seen)
    write(Path("reports/soak"), Evidence(run=run, product=product(), results=(told,)))

``findings`` are verdicts on whole stages, ``budgets`` numbers that were to be kept, ``tables`` any other figures,
``timelines`` have marks in lanes, ``panels`` are the dashboard's (``ask_panels``). Whatever is given, what nobody ran
is *not run*: no program can say otherwise of an item that it has no result for. ``docs/evidence.md`` has the rules.
"""

from zepguard.evidence.folder import NoEvidence, find_runs, joined, read, write
from zepguard.evidence.masking import mask_of, masked
from zepguard.evidence.model import (
    Budget,
    Evidence,
    Finding,
    ItemResult,
    Lane,
    LogLine,
    Mark,
    Panel,
    Record,
    Run,
    Scenario,
    Series,
    Status,
    Table,
    Timeline,
    Verdict,
)
from zepguard.evidence.panels import ask_panels
from zepguard.evidence.provenance import now_text, product
from zepguard.evidence.watching import Watch, watched

__all__ = [
    "Budget",
    "Evidence",
    "Finding",
    "ItemResult",
    "Lane",
    "LogLine",
    "Mark",
    "NoEvidence",
    "Panel",
    "Record",
    "Run",
    "Scenario",
    "Series",
    "Status",
    "Table",
    "Timeline",
    "Verdict",
    "Watch",
    "ask_panels",
    "find_runs",
    "joined",
    "mask_of",
    "masked",
    "now_text",
    "product",
    "read",
    "watched",
    "write",
]
