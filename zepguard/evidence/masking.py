"""No secret of a run is in its folder: every text passes here on its way into a file.

What is known to be a secret goes by its value, in each form in which a file may hold it; what looks like one by the
name beside it goes too (``zepguard.masking``).
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from zepguard.evidence.model import Evidence
from zepguard.masking import MASK, Mask, is_secret_name

__all__ = ["mask_of", "masked", "secrets_among"]

_SHORTEST_IN_ENVIRONMENT = 8  # a variable of the shell such as KEYTIMEOUT=1 is none of ours, and hides nothing


def secrets_among(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The values that are secret by their variable's name, and the passwords in URLs."""
    by_name = [value for name, value in variables.items() if is_secret_name(name)]
    return tuple(one for one in (*by_name, *map(_password, variables.values())) if one)


def _password(value: str) -> str:
    try:
        return urlsplit(value).password or ""
    except ValueError:
        return ""


def mask_of(evidence: Evidence, *, secrets: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> Mask:
    """A mask for the secrets among the run's settings, those of the environment that we run in, and further ones.

    Args:
        evidence: of the run.
        secrets: what else must not be shown.
        environment: variables whose secrets must not be shown either.
    """
    ours = (one for one in secrets_among(environment) if len(one) >= _SHORTEST_IN_ENVIRONMENT)
    mask = Mask()
    for secret in (*secrets, *secrets_among(evidence.settings), *ours):
        for form in _forms(secret):
            mask.learn(form)
    return mask


def _forms(secret: str) -> Iterable[str]:
    """As it is, and as a text that holds it may have written it."""
    written = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]]
    return dict.fromkeys([secret, *written, quote(secret, safe=""), quote_plus(secret), html.escape(secret)])


def masked(value: Any, mask: Callable[[str], str], name: str = "") -> Any:
    """A copy of plain values (of JSON) with every text masked, and whole where the name beside it is a secret's."""
    if isinstance(value, str):
        return MASK if value and name and is_secret_name(name) else mask(value)
    if isinstance(value, Mapping):
        return {mask(str(key)): masked(one, mask, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, mask) for one in value]
    return value
