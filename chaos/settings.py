"""Settings of a fault: bounds checked by name, and values read from the text of a command line."""

import types
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from chaos.errors import SettingRefused

T = TypeVar("T")

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def require_number(name: str, value: object, *, low: float, high: float, whole: bool = False) -> None:
    """Refuse a setting that is no number from ``low`` to ``high``, both included; ``whole``: no fraction."""
    kinds = (int,) if whole else (int, float)
    # bool is an int to Python; nobody means True milliseconds. NaN fails both comparisons.
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise SettingRefused(name, value, f"give {kind} from {low:g} to {high:g}")


def require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a setting that is none of the ``allowed`` words."""
    if value not in allowed:
        raise SettingRefused(name, value, f"give one of {', '.join(allowed)}")


def settings_from_text(settings: type[T], given: Mapping[str, str]) -> T:
    """Build the dataclass ``settings`` from ``key=value`` text, as ``--set`` gives it.

    Raises SettingRefused for a key that there is none of, for text that is no value of its kind, and for
    what the dataclass itself refuses. A setting that may be absent reads ``none``; a list is comma-separated.
    """
    kinds = get_type_hints(settings)
    names = tuple(field.name for field in fields(settings))  # type: ignore[arg-type]
    for name, text in given.items():
        if name not in names:
            has = f"the settings are {', '.join(names)}" if names else "this fault has no settings"
            raise SettingRefused(name, text, has)
    return settings(**{name: _read(name, text, kinds[name]) for name, text in given.items()})


def settings_shown(settings: object) -> dict[str, object]:
    """Return the settings and their values, for a listing or a report."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)}  # type: ignore[arg-type]


def _read(name: str, text: str, kind: Any) -> object:
    if get_origin(kind) in (Union, types.UnionType):
        inner = [one for one in get_args(kind) if one is not type(None)]
        if text.lower() == "none" and type(None) in get_args(kind):
            return None
        return _read(name, text, inner[0])
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is bool:
        return _read_bool(name, text)
    if kind in (int, float):
        return _read_number(name, text, kind)
    return text


def _read_bool(name: str, text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise SettingRefused(name, text, "give true or false")


def _read_number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError:
        remedy = "give a whole number" if kind is int else "give a number"
        raise SettingRefused(name, text, remedy) from None
