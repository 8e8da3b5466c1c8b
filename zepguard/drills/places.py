"""Where the feature files are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["features_folder"]


def features_folder() -> Path:
    """The folder of the feature files.

    Raises:
        FileNotFoundError: naming where was looked.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "features", package.parent / "features"]
    for place in places:
        if any(place.rglob("*.feature")):
            return place
    raise FileNotFoundError(f"no feature files in {' nor '.join(map(str, places))}: install zepguard again")
