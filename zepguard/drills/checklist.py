"""The go-live checklist as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zepguard.drills.places import features_folder

__all__ = ["Item", "checklist"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One item. ``worlds`` is where it must hold; ``built_by`` names the later capability that brings it."""

    id: str
    stage: str
    says: str
    worlds: tuple[str, ...] = ()
    kind: str = "behaviour"
    verified_by: str = ""
    built_by: str = ""


@cache
def checklist() -> tuple[Item, ...]:
    """Every item, in the checklist's order.

    Raises:
        ValueError: naming the entry that is none.
    """
    path = features_folder() / "checklist.yaml"
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(_item(entry, path) for entry in told["items"])


def _item(entry: Mapping[str, Any], path: Path) -> Item:
    try:
        return Item(**{**entry, "worlds": tuple(entry.get("worlds", ()))})
    except TypeError as error:
        raise ValueError(f"{path}: {dict(entry)} is no item of the checklist ({error})") from None
