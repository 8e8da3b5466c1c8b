"""Histories of runs as plain values, and checkers that judge them.

``events``    what can be seen of a run; a line of text and a digest of it
``checking``  a checker's interface, and a jury of several
``checkers``  one promise each, from an independent statement of the rules

Nothing here knows who made the history: the simulator (``zepguard.simulate``), a chaos run, a drill on a real stack.
"""

from zepguard.history.checkers import all_checkers
from zepguard.history.checking import Checker, Finding, Jury, Rules, check
from zepguard.history.events import Event, digest, line

__all__ = ["Checker", "Event", "Finding", "Jury", "Rules", "all_checkers", "check", "digest", "line"]
