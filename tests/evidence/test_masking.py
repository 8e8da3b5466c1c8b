"""No secret of a run is in any file of its folder."""

import html
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zepguard.drills.checklist import checklist
from zepguard.drills.report import write_results
from zepguard.evidence import LogLine, mask_of, read, write
from zepguard.evidence.folder import record_of

# Long enough to stand nowhere by chance; with what JSON, HTML and URLs write otherwise than it is.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"])
SECRETS = st.text(CHARACTERS, min_size=12, max_size=40).map(lambda text: f"§{text}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=SECRETS, variable=SECRETS, password=st.text("abcXYZ019-_", min_size=12), name=st.sampled_from("KSTP"))
def test_no_secret_stands_in_any_file(
    evidence: Any, scenario: Any, known: str, variable: str, password: str, name: str
) -> None:
    named = {"K": "ZEP_API_KEY", "S": "CHATAPP_JWT_SECRET", "T": "METRICS_TOKEN", "P": "DB_PASSWORD"}[name]
    text = f"told {known} and {variable}, redis://u:{password}@host/0"
    one = scenario(
        "failed",
        name=text,
        problem=text,
        seen=(text,),
        log=(LogLine(at=1.0, event="e", details={"error": text, "nested": [{known: json.dumps(text)}]}),),
    )
    ran = evidence(
        scenarios=(one,),
        settings={named: variable, "GUARD_REDIS_URL": f"redis://:{password}@host/0"},
        run={"command": f"zepguard drill --key {variable}"},
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder, ran, secrets=[known])
        write_results(folder / "results.json", {"drills": [text]}, mask_of(ran, secrets=[known]))
        files = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        assert set(files) == {"evidence.json", "index.html", "junit.xml", "cucumber.json", "results.json"}
        for file, content in files.items():
            for secret in (known, variable, password):
                for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
                    assert form not in content, file
        assert read(folder).settings[named] == "***"


def test_secrets_of_the_environment_are_masked_and_its_trifles_are_not(
    evidence: Any, scenario: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_API_KEY", "a-key-of-the-shell")
    monkeypatch.setenv("KEYTIMEOUT", "gauge")
    write(tmp_path, evidence(scenarios=(scenario(seen=("gauge by a-key-of-the-shell",)),)))
    assert read(tmp_path).scenarios[0].seen == ("gauge by ***",)


def test_masking_leaves_the_checklist_as_it_is(evidence: Any) -> None:
    mask = mask_of(evidence(), environment={})
    for item in checklist():
        assert mask(item.says) == item.says
    assert [one.says for one in record_of(evidence()).items] == [one.says for one in checklist()]


def test_a_secret_goes_in_each_form_in_which_a_text_may_have_it(evidence: Any) -> None:
    secret = 'key "with" \\ & <é> in it'
    mask = mask_of(evidence(), secrets=[secret], environment={})
    for form in (
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        html.escape(secret),
        quote(secret, safe=""),
    ):
        assert mask(f"told: {form}.") == f"told: {form}.".replace(form.strip(chr(34)), "***")
