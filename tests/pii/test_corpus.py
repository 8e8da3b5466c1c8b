"""Over the corpora: what is to go goes, what is to stay stays, and the files are what their scripts make."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guard.pii import Finding, redact

HERE = Path(__file__).parent
BOUNDS = {"ordinary": 0.995, "obfuscated": 0.9}


def messages(name: str) -> list[dict]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module", params=["corpus.jsonl", "held_out.jsonl", "fresh.jsonl"])
def scored(request: pytest.FixtureRequest) -> list[tuple[dict, list[Finding], str]]:
    redacted = [(message, redact(message["text"])) for message in messages(request.param)]
    return [(message, list(redaction.findings), redaction.text) for message, redaction in redacted]


@pytest.mark.parametrize("form", BOUNDS)
@pytest.mark.parametrize("kind", ["email", "phone"])
def test_what_is_to_go_goes(scored, form: str, kind: str) -> None:
    """From its first to its last character; a part left over is a miss."""
    asked = gone = 0
    for message, findings, _ in scored:
        for k, f, start, end in message["spans"]:
            if (k, f) == (kind, form):
                asked += 1
                gone += any(have == k and at <= start and to >= end for have, at, to in findings)
    assert asked >= 50
    assert gone / asked >= BOUNDS[form]


def test_what_is_found_was_there(scored) -> None:
    """Precision: a finding that overlaps no span of its kind is false."""
    found = right = 0
    for message, findings, _ in scored:
        for kind, start, end in findings:
            found += 1
            right += any(k == kind and start < to and at < end for k, _, at, to in message["spans"])
    assert found >= 400
    assert right / found >= 0.98


def test_what_is_to_stay_stays(scored) -> None:
    """Orders, prices, dates and the like; and there are more of these messages than of the others."""
    decoys = [findings for message, findings, _ in scored if not message["spans"]]
    assert len(decoys) > len(scored) / 2
    assert sum(bool(findings) for findings in decoys) / len(decoys) <= 0.01


@pytest.mark.parametrize("name", ["corpus.jsonl", "held_out.jsonl"])
def test_a_corpus_is_large_enough(name: str) -> None:
    assert len(messages(name)) >= 2_000


def test_a_redacted_message_stays_as_it_is(scored) -> None:
    """Each message of the corpus, a second time."""
    assert [text for _, _, text in scored if redact(text).text != text] == []


@pytest.mark.parametrize("script", ["make_corpus.py", "make_held_out.py", "make_fresh.py"])
def test_a_corpus_is_what_its_script_makes(script: str) -> None:
    """The seed is fixed: nobody edits the lines by hand."""
    ran = subprocess.run([sys.executable, HERE / script, "--check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
