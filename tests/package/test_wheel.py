"""The one wheel: what is in it, and what never is."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_NAMES = {"guard", "fakezep", "chaos", "chatapp", "zepguard"}
DATA_FOLDERS = ("features", "loadtests", "prometheus", "grafana")
"""Folders of data beside the packages, some of them to come; each that exists ships inside ``zepguard``."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, timeout=300, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile, names: set[str]) -> Message:
    (name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    return message_from_string(wheel.read(name).decode())


def in_checkout(*patterns: str) -> list[Path]:
    """Files under version control's eye: no caches."""
    folders = [ROOT / name for name in IMPORT_NAMES]
    found = [path for folder in folders for pattern in patterns for path in folder.rglob(pattern)]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_the_top_level_names_are_the_five_of_the_decision_and_nothing_else(names: set[str]) -> None:
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == IMPORT_NAMES


def test_no_tests_ship(names: set[str]) -> None:
    assert not [name for name in names if "tests" in Path(name).parts or Path(name).name == "conftest.py"]


@pytest.mark.parametrize("pattern", ["*.lua", "*.jinja", "py.typed", "*.py"])
def test_every_such_file_of_the_packages_ships(names: set[str], pattern: str) -> None:
    wanted = {path.relative_to(ROOT).as_posix() for path in in_checkout(pattern)}
    assert wanted
    assert wanted <= names


def test_each_import_name_is_typed(names: set[str]) -> None:
    assert {f"{name}/py.typed" for name in IMPORT_NAMES} <= names


@pytest.mark.parametrize("folder", [name for name in DATA_FOLDERS if (ROOT / name).is_dir()])
def test_each_folder_of_data_ships_whole_inside_zepguard(names: set[str], folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files
    assert {f"zepguard/{path.relative_to(ROOT).as_posix()}" for path in files} <= names


def test_the_license_ships(names: set[str], metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_base_install_is_the_guard_with_few_dependencies(metadata: Message) -> None:
    required = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    names_only = {one.split(">")[0].split("<")[0].split("=")[0].strip() for one in required}
    assert names_only == {"zep-cloud", "httpx", "httpcore", "phonenumbers", "redis", "prometheus-client", "structlog"}


def test_the_command_is_declared(wheel: zipfile.ZipFile, names: set[str]) -> None:
    (name,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
    assert "zepguard = zepguard.__main__:main" in wheel.read(name).decode()
