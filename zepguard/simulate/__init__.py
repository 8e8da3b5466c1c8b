"""Runs of the real guard in virtual time, every choice drawn from a seed.

``plan``      what happens in a run, drawn before it begins: turns, faults, deaths, clocks, an operator
``timeline``  virtual time, and courses that may stop in the middle of any code
``server``    fakeredis by the run's clock; ``network``: each command to it is a step, and may get lost
``database``  SQLite in memory for the outbox, each transaction a step
``zep``       Zep and the way there
``fleet``     processes with the real engine, store and delivery; the third interpreter beside the guard's two shells
``witness``   writes down what passes between them
``run``       one run, from the plan to its history and findings
``shrink``    leaves out what a finding does not need

Real: engine, sight, transition in Lua, store, acceptance with redaction, outbox in SQL, delivery. Left out: the SDK
with its sockets and deadlines (``ZepLine`` gives up at the deadline exactly), heartbeats, trends, Django.
"""

from zepguard.simulate.plan import Plan, Size, draw
from zepguard.simulate.run import Outcome, simulate

__all__ = ["Outcome", "Plan", "Size", "draw", "simulate"]
