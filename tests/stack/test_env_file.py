"""The env file: what is written is what a program, or a shell, reads."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zepguard.stack.env_file import edit_env_file, parse_env, read_env_file, render_env, write_env_file
from zepguard.stack.errors import EnvFileError

KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=60)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_what_is_written_is_what_is_read(variables: dict[str, str]) -> None:
    assert parse_env(render_env(variables)) == variables


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_line(text: str) -> None:
    refused = ""
    variables: dict[str, str] = {}
    try:
        variables = parse_env(text)
    except EnvFileError as error:
        refused = str(error)
    assert not refused or refused.startswith("line ")
    assert all("\n" not in value for value in variables.values())


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=4))
def test_lines_added_at_the_end_win(first: dict[str, str], second: dict[str, str]) -> None:
    assert parse_env(render_env(first) + render_env(second)) == {**first, **second}


def test_a_shell_that_sources_the_file_gets_the_same(tmp_path: Path) -> None:
    value = "a 'quoted' \"value\" with $HOME, `date`, # no comment, \\ and ü"
    write_env_file(tmp_path / "env", {"ZEP_API_KEY": value})
    said = subprocess.run(
        ["sh", "-c", '. "$1"; printf %s "$ZEP_API_KEY"', "sh", str(tmp_path / "env")],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.decode() == value


def test_comments_blank_lines_and_export_are_allowed() -> None:
    assert parse_env("# note\n\nexport A=1\nB='2 3'  # why\nC=\n") == {"A": "1", "B": "2 3", "C": ""}


@pytest.mark.parametrize(
    "line", ["FLAG", "FLAG ZEP=1", "1A=2", "A=1 B=2", "A='open", "=x", "export", "export A"], ids=repr
)
def test_a_bad_line_is_refused_with_its_number_and_without_its_text(line: str) -> None:
    if line == "export":
        assert parse_env(line) == {}
        return
    with pytest.raises(EnvFileError, match="line 2") as refused:
        parse_env(f"GOOD=1\n{line}\n")
    assert "FLAG" not in str(refused.value)


@pytest.mark.parametrize(("key", "value"), [("A B", "1"), ("", "1"), ("A", "two\nlines"), ("A", "nul\0")])
def test_what_one_line_cannot_hold_is_not_written(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(EnvFileError):
        write_env_file(tmp_path / "env", {key: value})
    assert not (tmp_path / "env").exists()


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {"ZEP_API_KEY": "k"})
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


def test_an_edit_sets_removes_and_returns_what_puts_it_back(tmp_path: Path) -> None:
    path = tmp_path / "env"
    write_env_file(path, {"FLAG_ZEP_READ": "true", "ZEP_API_KEY": "k"})
    before = edit_env_file(path, {"FLAG_ZEP_READ": "false", "ZEP_API_KEY": None, "NEW": "1"})
    assert read_env_file(path) == {"FLAG_ZEP_READ": "false", "NEW": "1"}
    write_env_file(path, before)
    assert read_env_file(path) == {"FLAG_ZEP_READ": "true", "ZEP_API_KEY": "k"}
    assert [one.name for one in tmp_path.iterdir()] == ["env"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="nowhere"):
        read_env_file(tmp_path / "nowhere")
