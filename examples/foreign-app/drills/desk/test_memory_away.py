"""The feature, and the one phrase that is the desk's own."""

from pytest_bdd import parsers, scenarios, then

from zepguard.drills.steps import Drill

scenarios("memory-away.feature")


@then(parsers.re(r"the desk remembers (?P<whom>the person|nobody) in the last answer"))
def remembers(drill: Drill, whom: str) -> None:
    """Whether the last answer says what the desk knows."""
    reply = drill.turns[-1].reply
    assert ("blue lamp" in reply) is (whom == "the person"), reply
