"""The worlds that the features run in: one small interface, and nothing behind it that a step may know."""

from zepguard.worlds.world import CommandResult, Metrics, Turn, World, WorldError

__all__ = ["CommandResult", "Metrics", "Turn", "World", "WorldError"]
