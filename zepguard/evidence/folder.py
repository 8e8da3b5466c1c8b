"""The folder of a run: written whole, read back, found again.

evidence.json   all of it, by ``evidence.schema.json``
index.html      one page, which needs nothing but itself
junit.xml       for CI
cucumber.json   for the reporters of Cucumber
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from zepguard.drills.catalogue import catalogue
from zepguard.drills.checklist import checklist
from zepguard.evidence.cucumber import cucumber
from zepguard.evidence.judging import item_states, stage_verdicts
from zepguard.evidence.junit import junit
from zepguard.evidence.masking import mask_of, masked
from zepguard.evidence.model import Evidence, Record
from zepguard.evidence.page import page

__all__ = ["EVIDENCE", "PAGE", "NoEvidence", "find_runs", "joined", "read", "record_of", "write", "write_views"]

EVIDENCE = "evidence.json"
PAGE = "index.html"


class NoEvidence(Exception):
    """A folder that is none of a run; the text names it and what to do."""


def write(folder: Path, evidence: Evidence, *, secrets: Iterable[str] = ()) -> Record:
    """Judge the evidence, and write the four files into ``folder``, which is made if it is not there.

    Args:
        folder: of the run.
        evidence: what was seen.
        secrets: texts that must stand in no file. The secrets among ``evidence.settings`` and those of the
            environment that this process runs in are masked in any case.

    Raises:
        OSError: the folder cannot be written.
    """
    mask = mask_of(evidence, secrets=secrets)
    record = record_of(Evidence.model_validate(masked(_plain(evidence), mask)))
    files = {EVIDENCE: record.model_dump_json(indent=1) + "\n", **_views(record)}
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder, files)
    return record


def write_views(folder: Path, record: Record) -> None:
    """Write what is made from ``evidence.json``: the page, JUnit XML and Cucumber JSON; raises OSError."""
    _put(folder, _views(record))


def _views(record: Record) -> Mapping[str, str]:
    features = cucumber(record, places=_places())
    return {
        PAGE: page(record),
        "junit.xml": junit(record),
        "cucumber.json": json.dumps(features, indent=1) + "\n",
    }


def _put(folder: Path, files: Mapping[str, str]) -> None:
    """All of the files or none: on a full disk what stood there before stands there still."""
    new = {name: folder / f".{name}.new" for name in files}
    try:
        for name, text in files.items():
            new[name].write_text(text, encoding="utf-8")
        for name, file in new.items():
            file.replace(folder / name)
    finally:
        for file in new.values():
            file.unlink(missing_ok=True)


def _plain(evidence: Evidence) -> object:
    return json.loads(evidence.model_dump_json())


def record_of(evidence: Evidence) -> Record:
    """The evidence of one run with what follows of it for items and stages."""
    items = item_states(checklist(), [evidence], scenarios=list(catalogue()))
    stages = stage_verdicts(items, evidence.findings)
    fields = {name: getattr(evidence, name) for name in Evidence.model_fields}
    return Record(**fields, items=items, stages=stages)


def _places() -> Mapping[tuple[str, str], tuple[str, int]]:
    return {
        (one.feature, one.name): (f"features/{one.file.parent.name}/{one.file.name}", one.line) for one in catalogue()
    }


def joined(evidence: Sequence[Evidence]) -> Evidence:
    """Several runs as if they had been one, such as those of stacks side by side.

    Raises:
        ValueError: there is none.
    """
    if not evidence:
        raise ValueError("no evidence to join: give at least one run")
    last = max(evidence, key=lambda one: one.run.finished)
    order = {item.id: number for number, item in enumerate(checklist())}
    scenarios = [one for of in evidence for one in of.scenarios]
    scenarios.sort(key=lambda one: min((order.get(item, len(order)) for item in one.ids), default=len(order)))
    run = last.run.model_copy(
        update={
            "world": ", ".join(dict.fromkeys(one.run.world for one in evidence)),
            "started": min(one.run.started for one in evidence),
            "interrupted": any(one.run.interrupted for one in evidence),
        }
    )
    return Evidence(
        run=run,
        product=last.product,
        settings={name: value for one in evidence for name, value in one.settings.items()},
        scenarios=tuple(scenarios),
        results=tuple(one for of in evidence for one in of.results),
        findings=tuple(one for of in evidence for one in of.findings),
        budgets=tuple(one for of in evidence for one in of.budgets),
        tables=tuple(one for of in evidence for one in of.tables),
        timelines=tuple(one for of in evidence for one in of.timelines),
        panels=next((one.panels for one in evidence if one.panels), ()),
    )


def read(folder: Path) -> Record:
    """Read a run's ``evidence.json``.

    Args:
        folder: of the run, or the file itself.

    Raises:
        NoEvidence: naming the folder, what is wrong and what to do.
    """
    file = folder / EVIDENCE if folder.is_dir() else folder
    try:
        return Record.model_validate_json(file.read_bytes())
    except OSError as error:
        raise NoEvidence(
            f"{folder} is no folder of a run: {file} cannot be read ({error.strerror}). `zepguard report --list` "
            "names those that are; `zepguard drill` makes one"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise NoEvidence(
            f"{file} is no evidence of a run ({where}: {first['msg']}): run it again, or remove it"
        ) from None


def find_runs(reports: Path) -> list[Path]:
    """The folders of runs below ``reports``, the newest first, by when their evidence was written."""
    files = sorted(reports.rglob(EVIDENCE), key=lambda file: (file.stat().st_mtime_ns, str(file)), reverse=True)
    return [file.parent for file in files]
