"""pytest-bdd's ``given``, ``when`` and ``then``, which also remember each phrase.

pytest-bdd keeps its own registry private; ``zepguard steps`` and the test for orphans read this one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest_bdd
from pytest_bdd import parsers

__all__ = ["PHRASES", "Phrase", "given", "then", "when"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """One definition: ``given``, ``when`` or ``then``, its wording, what it does in words, and the function."""

    keyword: str
    parser: parsers.StepParser
    function: str
    says: str
    act: Callable[..., Any] = field(repr=False)

    @property
    def wording(self) -> str:
        """The phrase as it is defined."""
        return str(self.parser.name)

    def matches(self, keyword: str, text: str) -> bool:
        """Whether a step of a feature file is this one."""
        return keyword == self.keyword and self.parser.is_matching(text)


PHRASES: list[Phrase] = []
"""In the order of their definition."""


def given(wording: str | parsers.StepParser) -> Callable[[F], F]:
    """Define how the world is at the beginning."""
    return _define("given", wording)


def when(wording: str | parsers.StepParser) -> Callable[[F], F]:
    """Define what somebody does."""
    return _define("when", wording)


def then(wording: str | parsers.StepParser) -> Callable[[F], F]:
    """Define what must be seen."""
    return _define("then", wording)


def _define(keyword: str, wording: str | parsers.StepParser) -> Callable[[F], F]:
    parser = parsers.get_parser(wording)
    define = getattr(pytest_bdd, keyword)

    def decorator(function: F) -> F:
        says = inspect.getdoc(function) or ""
        PHRASES.append(Phrase(keyword=keyword, parser=parser, function=function.__name__, says=says, act=function))
        defined: F = define(parser, stacklevel=2)(function)
        return defined

    return decorator
