"""Run by ``tox run -e wheel`` and ``-e foreign``: what is imported there is the wheel, and no checkout."""

import sys
from pathlib import Path

import chaos
import chatapp
import fakezep
import guard
import zepguard
from zepguard.drills.places import features_folder


def main() -> None:
    """Say where each import name was found; fail if one is not the environment's own."""
    environment = Path(sys.prefix).resolve()
    for module in (guard, fakezep, chaos, chatapp, zepguard):
        assert module.__file__
        found = Path(module.__file__).resolve()
        assert found.is_relative_to(environment), f"{module.__name__} is {found}, not of the wheel"
    features = features_folder().resolve()
    assert features.is_relative_to(environment), f"the features are {features}, not of the wheel"
    print(f"{len(list(features.rglob('*.feature')))} feature files in the wheel, on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
