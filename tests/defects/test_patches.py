"""The defects are patches with a header, each applies, and one that does not is told from one that nobody saw."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from zepguard.defects.copies import Copies, CopyError, checkout
from zepguard.defects.order import LEARNT, Learnt
from zepguard.defects.patches import Defect, DefectError, choose, read_defect, read_defects
from zepguard.drills.catalogue import catalogue
from zepguard.drills.checklist import checklist

ROOT = Path(__file__).resolve().parents[2]
PATCH = """Breaks: a number is another one
Item: wo-mode

diff --git a/guard/number.txt b/guard/number.txt
--- a/guard/number.txt
+++ b/guard/number.txt
@@ -1 +1 @@
-one
+two
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "guard").mkdir(parents=True)
    (root / "guard/number.txt").write_text("one\n", encoding="utf-8")
    (root / "guard/untracked.txt").write_text("one\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "guard/number.txt"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


@pytest.fixture
def copies(repository: Path) -> Iterator[Copies]:
    with Copies(repository) as made:
        yield made


def patch(folder: Path, text: str = PATCH, name: str = "another-number") -> Defect:
    path = folder / f"{name}.patch"
    path.write_text(text, encoding="utf-8")
    return read_defect(path)


def test_there_are_at_least_forty_in_each_part_of_the_product() -> None:
    defects = read_defects(ROOT / "defects")
    assert len(defects) >= 40
    assert {one.part for one in defects} == {"guard", "app", "rules", "dashboard"}


def test_each_is_of_an_item_of_the_checklist() -> None:
    items = {one.id for one in checklist()}
    for one in read_defects(ROOT / "defects"):
        assert one.item in items, one.name


def test_each_applies_to_the_tree_as_it_is() -> None:
    for one in read_defects(ROOT / "defects"):
        done = subprocess.run(
            ["git", "apply", "--check", str(one.path)], cwd=checkout(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{one.name}: {done.stderr}"


def test_what_was_learnt_is_of_defects_and_scenarios_that_there_are() -> None:
    learnt = Learnt.read(ROOT / "defects")
    assert set(learnt.caught) <= {one.name for one in read_defects(ROOT / "defects")}
    known = {one.name for one in catalogue()}
    for gate in learnt.seconds:
        if gate.startswith("@"):
            words = gate.split(" ")
            assert " ".join(word for word in words if not word.startswith("@")) in known, gate


def test_a_copy_has_what_is_tracked_and_is_gone_afterwards(repository: Path) -> None:
    with Copies(repository) as copies:
        with copies.another() as copy:
            assert sorted(path.name for path in (copy / "guard").iterdir()) == ["number.txt"]
        assert not copy.exists()
        kept = copies.clean
    assert not kept.exists()


def test_a_defect_is_in_its_copy_and_nowhere_else(copies: Copies, repository: Path, tmp_path: Path) -> None:
    with copies.another(patch(tmp_path)) as copy:
        assert (copy / "guard/number.txt").read_text(encoding="utf-8") == "two\n"
        assert (copies.clean / "guard/number.txt").read_text(encoding="utf-8") == "one\n"
    assert (repository / "guard/number.txt").read_text(encoding="utf-8") == "one\n"


def test_a_patch_that_does_not_apply_is_told_by_name(copies: Copies, tmp_path: Path) -> None:
    stale = patch(tmp_path, PATCH.replace("-one", "-three"))
    with pytest.raises(CopyError, match="another-number no longer applies"), copies.another(stale):
        pytest.fail("it was applied")


def test_the_tree_is_patched_also_inside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There git takes a path from the repository's root, and passes over all others without a word."""
    around = tmp_path / "around"
    (around / "temporary").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=around, check=True)
    monkeypatch.setattr("tempfile.tempdir", str(around / "temporary"))
    monkeypatch.setenv("GIT_DIR", str(around / ".git"))
    root = tmp_path / "root"
    (root / "guard").mkdir(parents=True)
    (root / "guard/number.txt").write_text("one\n", encoding="utf-8")
    outside = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=root, check=True, env=outside)
    with Copies(root) as copies, copies.another(patch(tmp_path)) as copy:
        assert (copy / "guard/number.txt").read_text(encoding="utf-8") == "two\n"


@pytest.mark.parametrize("missing", ["Breaks", "Item"])
def test_ours_must_say_what_they_break(tmp_path: Path, missing: str) -> None:
    patch(tmp_path, PATCH.replace(f"{missing}: ", f"{missing} "))
    with pytest.raises(DefectError, match=r"another-number.patch has no header"):
        read_defects(tmp_path)


def test_a_foreign_patch_needs_no_header(tmp_path: Path) -> None:
    ours = patch(tmp_path)
    foreign = patch(tmp_path, PATCH[PATCH.index("diff") :], name="foreign")
    assert choose([ours], [str(foreign.path), "another-number"]) == (foreign, ours)
    assert foreign.files == ("guard/number.txt",)


def test_a_word_that_is_no_defect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefectError, match="no defect is called 'nonsense'"):
        choose([patch(tmp_path)], ["nonsense"])
    with pytest.raises(DefectError, match="is no patch"):
        patch(tmp_path, "what is this?\n", name="words")
    with pytest.raises(DefectError, match="no patch in"):
        read_defects(tmp_path / "nowhere")


def test_what_was_learnt_comes_first_then_the_items_own(tmp_path: Path) -> None:
    defect = patch(tmp_path)
    before = Learnt(caught={"another-number": ["slow", "quick"], "other": ["often"]}, seconds={"slow": 9, "quick": 1})
    before.write(tmp_path)
    assert Learnt.read(tmp_path) == before
    assert before.first(defect)[:4] == ["quick", "slow", "@wo-mode", "often"]
    (tmp_path / LEARNT).write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(DefectError, match="delete it"):
        Learnt.read(tmp_path)
