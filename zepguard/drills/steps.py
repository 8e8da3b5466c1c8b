"""The step definitions: an operator's words on the left, the ``World`` on the right, and nothing else.

Each phrase has one definition and each definition is used; ``tests/drills/test_features.py`` checks both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from pytest_bdd import parsers

from zepguard.drills import alert_steps, guard_steps, late_steps, outbox_steps, page_steps, soak_steps
from zepguard.drills.phrases import given, then, when
from zepguard.worlds.world import CommandResult, Metrics, Turn, World, WorldError

__all__ = ["Drill"]

pytest_plugins = [one.__name__ for one in (soak_steps, page_steps, alert_steps, late_steps, outbox_steps, guard_steps)]

_FLAGS = {
    "off": {"FLAG_ZEP_WRITE": "false", "FLAG_ZEP_READ": "false"},
    "write_only": {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "false"},
    "read_write": {"FLAG_ZEP_WRITE": "true", "FLAG_ZEP_READ": "true"},
}
_FORCED = re.compile(r"Forced mode: write_only \(reason=(?P<reason>\w+), remaining=~(?P<s>\d+)s\)")


@dataclass
class Drill:
    """What one scenario remembers: turns sent, what the metrics were, the former key, the last command."""

    before: Metrics
    turns: list[Turn] = field(default_factory=list)
    processes: dict[str, int] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    command: CommandResult | None = None
    key_changed: bool = False
    """A key was set that Zep is to refuse: the scenario is void unless it was seen to."""

    @property
    def last_command(self) -> CommandResult:
        """What an operator ran last."""
        assert self.command is not None, "no command was run"
        return self.command


@pytest.fixture
def drill(world: World) -> Iterator[Drill]:
    """The scenario's memory, with metrics as they were before its first step; asks for a bad key's receipt at its end.

    Every other fault shows its receipt to the world, when it is taken off.
    """
    memory = Drill(before=world.metrics(), processes=dict(world.processes()))
    yield memory
    if memory.key_changed:
        refused = world.key_refused()
        if not refused:
            raise WorldError("void: the key that was set was never seen to be refused by Zep")
        world.saw(refused)


# --- how it is at the beginning


@given(parsers.re(r"the memory service runs in (?P<mode>off|write_only|read_write)"))
def runs_in(world: World, drill: Drill, mode: str) -> None:
    """Set the flags for that base mode, restarting the worker only if they were others."""
    if world.status()["base"] != mode:
        world.set_variables(_FLAGS[mode])
        world.restart_worker()
        assert world.status()["base"] == mode
    drill.before, drill.processes = world.metrics(), dict(world.processes())


_SET = parsers.re(
    r'(?P<variable>[A-Z_]+) is set to "(?P<value>[^"]*)"(?P<restarted> and celery_chat_worker is restarted)?'
)


@given(_SET)
@when(_SET)
def variable_set(world: World, drill: Drill, variable: str, value: str, restarted: str | None) -> None:
    """Write a variable down where the worker reads it at its next start; the former value of a restart is kept."""
    if restarted:
        drill.former[variable] = world.variables()[variable]
        drill.key_changed = drill.key_changed or variable == "ZEP_API_KEY"
    world.set_variables({variable: value})
    if restarted:
        world.restart_worker()


@then(parsers.re(r'(?P<variable>[A-Z_]+) set to "(?P<value>[^"]*)" is refused by name'))
def variable_refused(world: World, variable: str, value: str) -> None:
    """``zep_mode`` says which variable cannot be what. The former value is put back."""
    former = world.variables()[variable]
    world.set_variables({variable: value})
    try:
        asked = world.zep_mode("--status")
    finally:
        world.set_variables({variable: former})
    assert asked.code != 0, asked.text
    assert variable in asked.text, asked.text
    assert value in asked.text, asked.text
    world.saw(f"{variable}={value} refused by name")


@then(parsers.re(r'celery_chat_worker does not start with (?P<variable>[A-Z_]+) set to "(?P<value>[^"]*)"'))
def worker_refuses(world: World, variable: str, value: str) -> None:
    """It ends at its start and names the variable; with the former value it starts again."""
    former = world.variables()[variable]
    world.set_variables({variable: value})
    refusal = ""
    try:
        world.restart_worker()
    except WorldError as error:
        refusal = str(error)
    finally:
        world.set_variables({variable: former})
        world.restart_worker()
    assert variable in refusal, refusal or f"it started with {variable}={value}"


@when(parsers.parse("the former {variable} is set again and celery_chat_worker is restarted"))
def variable_restored(world: World, drill: Drill, variable: str) -> None:
    """Put the former value back."""
    world.set_variables({variable: drill.former.pop(variable)})
    world.restart_worker()


@when(parsers.re(r"(celery_chat_worker is restarted|(?P<program>\w+) is killed)"))
def program_ended(world: World, program: str | None) -> None:
    """Restart it, ready with what was set; or end it as the kernel would, and another process must come after it."""
    if program is None:
        world.restart_worker()
        return
    before = dict(world.processes())
    world.kill(program)
    after = dict(world.processes())
    if after[program] in (0, before[program]):
        raise WorldError(
            f"void: {program} was to be killed, and pid {before[program]} was followed by {after[program]}"
        )
    world.saw(f"{program} killed: pid {before[program]}, then {after[program]}")


@when(parsers.re(r"(?P<release>the release before|this release) is put back"))
def release_put_back(world: World, release: str) -> None:
    """Run the app's programs with the code of the release before, on the state that is there; or with this again."""
    if release == "this release":
        world.put_back_this_release()
    else:
        world.saw(world.put_back_release_before())


_NETWORK_FAULTS: Mapping[str, tuple[str, Mapping[str, float | str]]] = {
    "traffic to Zep is blocked": ("black-hole", {}),
    "connections to Zep are reset before a request arrives": ("reset", {"stream": "upstream"}),
    "Zep refuses connections": ("refused", {}),
    "Zep's answers break off": ("half-answer", {"answer_bytes": 160}),
    "Zep's answers come a byte a second": ("drip", {}),
    "something in Zep's place answers reads": ("maintenance", {"routes": "context"}),
    "something in Zep's place answers reads with 400": ("maintenance", {"routes": "context", "status": 400}),
    "something in Zep's place answers reads with 500": ("maintenance", {"routes": "context", "status": 500}),
    "something in Zep's place answers writes": ("maintenance", {"routes": "add_messages,add_messages_batch"}),
    "something in Zep's place answers writes with 500": (
        "maintenance",
        {"routes": "add_messages,add_messages_batch", "status": 500},
    ),
}
_network_fault = parsers.re(f"(?P<wording>{'|'.join(_NETWORK_FAULTS)})")


@given(_network_fault)
@when(_network_fault)
def network_fails(world: World, wording: str) -> None:
    """Packets vanish both ways, as iptables DROP has it; nobody listens; a head comes, and hardly more."""
    fault, settings = _NETWORK_FAULTS[wording]
    world.start_fault(fault, **settings)


_ROUTES = {"writes": "add_messages,add_messages_batch", "reads": "context"}
_refusal = parsers.re(
    r"Zep answers ((?P<what>writes|reads) with (?P<some>\d{3})|(?P<each>\d{3}) to every request)"
    r"( and ((?P<no>no Retry-After)|Retry-After (?P<retry_after_s>\d+) s(?P<as_date>, as a date)?))?"
)


@given(_refusal)
@when(_refusal)
def refuses(
    world: World,
    what: str | None,
    some: str | None,
    each: str | None,
    no: str | None,
    retry_after_s: str | None,
    as_date: str | None,
) -> None:
    """Zep refuses what it is asked, with whichever key; what is not named passes. Only a 429 says when to come back."""
    settings: dict[str, float | str] = {"routes": _ROUTES[what]} if what else {}
    if retry_after_s or no:
        settings |= {"retry_after_s": retry_after_s or "none", "as_date": str(bool(as_date))}
    world.start_fault(f"http-{some or each}", **settings)


@when(parsers.parse("Zep answers {late_ms:d} ms late"))
@given(parsers.parse("Zep answers {late_ms:d} ms late"))
def answers_late(world: World, late_ms: int) -> None:
    """Delay what comes back from Zep."""
    world.start_fault("latency", latency_ms=late_ms)


@when("traffic to Zep is restored")
@when("Zep answers as before")
def traffic_restored(world: World) -> None:
    """Take the fault off, after seeing that it acted."""
    world.stop_faults()


# --- people


@when(
    parsers.re(
        r'("(?P<message>[^"]+)"|a message of (?P<length>\d+) characters(?P<addresses>, e-mail addresses among them,)?) '
        r'is sent to thread "(?P<thread>[^"]+)"'
    )
)
def sent(
    world: World, drill: Drill, message: str | None, length: str | None, addresses: str | None, thread: str
) -> None:
    """Send one message and wait for the answer; one of a given length has words, and no two parts alike."""
    words = "north east south west" if addresses is None else f"north {_ADDRESS} south {_ADDRESS} east west"
    drill.turns.append(world.say(message or _story(int(length or 0), words), thread=thread))


_ADDRESS = "a@b.co"
"""Shorter than what takes its place."""


def _story(length: int, words: str) -> str:
    if _ADDRESS in words:
        told = " ".join(f"{words} {number}" for number in range(length))
    else:
        told = " ".join(words[: 5 + number % 17] for number in range(length))
    return told[: length - 1] + "."


@when(parsers.parse('{count:d} messages "{message}" are sent to thread "{thread}", {gap:d} s apart'))
def several_sent(world: World, drill: Drill, count: int, message: str, thread: str, gap: int) -> None:
    """Send numbered messages one after the other, with a gap between answer and next message."""
    for number in range(1, count + 1):
        if number > 1:
            world.wait(gap)
        drill.turns.append(world.say(f"{message} {number}", thread=thread))


@when(
    parsers.re(
        r"for (?P<minutes>\d+) min a message is sent every (?P<gap>\d+) s, each to a thread of its own"
        r"(, and Zep answers (every|each) (?P<nth>\d+)(th|rd|nd) read with 503)?"
    )
)
def sent_for_minutes(world: World, drill: Drill, minutes: str, gap: str, nth: str | None) -> None:
    """Reads that no cache can answer, at an even pace; a share of them may fail, never two in a row, each receipted."""
    for number in range(int(minutes) * 60 // int(gap)):
        due = nth is not None and number % int(nth) == int(nth) - 1
        failing = due and world.status()["forced"] is None  # where nothing is read, nothing fails
        if failing:
            world.start_fault("http-503", routes="context", count=1)
        _say_and_wait(world, drill, number, int(gap))
        if failing:
            world.stop_faults()


def _say_and_wait(world: World, drill: Drill, number: int, gap: float) -> None:
    turn = world.say(f"message {number}", thread=f"thread-{len(drill.turns)}")
    drill.turns.append(turn)
    world.wait(max(0.0, gap - turn.took_s))


@then(parsers.parse("every message was answered within {seconds:d} s"))
def answered_within(world: World, drill: Drill, seconds: int) -> None:
    """The slowest of them too."""
    slowest = max(turn.took_s for turn in drill.turns)
    assert all(turn.status == 200 for turn in drill.turns)
    assert slowest <= seconds, f"the slowest took {slowest:.1f} s"
    world.saw(f"the slowest of {len(drill.turns)} messages took {slowest:.1f} s")


@then("every message is answered")
def every_message_answered(world: World, drill: Drill) -> None:
    """Each got a 200 with a reply."""
    assert drill.turns
    for turn in drill.turns:
        assert turn.status == 200, f"{turn.message!r} got {turn.status}: {turn.reply}"
        assert turn.reply
    world.saw(f"{len(drill.turns)} messages answered, the slowest in {max(t.took_s for t in drill.turns):.1f} s")


# --- operators


@when(parsers.re(r"an operator runs zep_mode (?P<words>[^,]+)(, and it ends with (?P<code>\d))?"))
def operator_runs(world: World, drill: Drill, words: str, code: str | None) -> None:
    """Run the command, to its good end or as told; a --ttl is the checklist's, and shorter in a scaled world."""
    arguments = words.split()
    if "--ttl" in arguments:
        at = arguments.index("--ttl") + 1
        arguments[at] = f"{world.held_s(float(arguments[at])):g}"
    drill.command = world.zep_mode(*arguments)
    assert drill.command.code == int(code or 0), drill.command.text


@when(parsers.parse('an operator invalidates thread "{thread}"'))
def operator_invalidates(world: World, thread: str) -> None:
    """Run ``zep_mode --invalidate`` on the thread as Zep knows it; there must have been an entry."""
    done = world.zep_mode("--invalidate", world.thread_id(thread), "--json")
    assert done.code == 0, done.text
    assert json.loads(done.text)["dropped"] is True


@then(
    parsers.re(
        r'the command (prints "(?P<line>.*)"|(?P<how>lists|warns of) (?P<program>\w+) with base mode (?P<mode>\w+))'
    )
)
def command_shows(drill: Drill, line: str | None, how: str | None, program: str | None, mode: str | None) -> None:
    """A whole line of the last command's output; or a program's live workers, by their own word or in a warning."""
    text = drill.last_command.text
    if program is None:
        assert line in text.splitlines(), text
        return
    before, after = ("Warning: ", f" runs with base mode {mode},") if how == "warns of" else ("", f": {mode}")
    listed = [one.strip() for one in text.splitlines() if one.strip().startswith(before + program)]
    assert listed, text
    assert all(after in one for one in listed), text


@then(parsers.parse('zep_mode --status shows "{line}"'))
def status_shows(world: World, line: str) -> None:
    """A whole line; ``remaining=~Ns`` is the checklist's hold, and the record says how long it is in this world."""
    text = world.zep_mode("--status").text
    wanted = _FORCED.fullmatch(line)
    if wanted is None:
        assert line in text.splitlines(), text
        return
    found = _FORCED.search(text)
    assert found, text
    assert found["reason"] == wanted["reason"], text
    _check_hold(world, float(wanted["s"]), float(found["s"]))
    world.saw(found[0])


@then(parsers.parse("write_only is forced for {seconds:d} s, reason {reason}"))
def forced_for(world: World, seconds: int, reason: str) -> None:
    """By the record, without the time that a command takes to start: on a stack a hold is short."""
    forced = world.status()["forced"]
    assert forced is not None, "nothing is forced"
    assert forced["reason"] == reason
    assert forced["until"] - forced["since"] == pytest.approx(world.held_s(seconds), rel=0.001)
    world.saw(f"write_only forced for {seconds} s, reason {reason}")


def _check_hold(world: World, wanted_s: float, remaining_s: float) -> None:
    if wanted_s == 0:
        assert remaining_s == 0
        return
    forced = world.status()["forced"]
    assert forced["until"] - forced["since"] == pytest.approx(world.held_s(wanted_s), rel=0.001)
    assert 0 < remaining_s <= world.held_s(wanted_s)
    assert forced["remaining_s"] <= remaining_s, f"--json has {forced['remaining_s']} s left"


# --- metrics


@then(parsers.re(r"(?P<series>[a-z_]+(\{[^}]*\})?) has (not risen|risen by ((?P<least>\d+) to )?(?P<by>\d+))"))
def risen_by(world: World, drill: Drill, series: str, least: str | None, by: str | None) -> None:
    """Exactly so much more than before the drill, or between the two, or the same."""
    now, before = world.metrics()[series], drill.before[series]
    assert int(least or by or 0) <= now - before <= int(by or 0), f"{series}: {before:g}, then {now:g}"
    world.saw(f"{series} +{now - before:g}")


@then(parsers.re(r"(?P<family>[a-z_]+) has not risen for any reason"))
def family_not_risen(world: World, drill: Drill, family: str) -> None:
    """No series of that name is higher than before the drill."""
    now = world.metrics()
    names = [name for name in now.series if name.startswith(family + "{")]
    assert names
    assert {name: now[name] for name in names} == {name: drill.before[name] for name in names}


@when(parsers.re(r"within (?P<limit>\d+) s (?P<series>[a-z_]+(\{[^}]*\})?) has risen"))
@then(parsers.re(r"within (?P<limit>\d+) s (?P<series>[a-z_]+(\{[^}]*\})?) has risen"))
def risen_within(world: World, drill: Drill, limit: str, series: str) -> None:
    """Higher than before the drill, sooner or later."""
    patience = world.within(float(limit))
    while (now := world.metrics()[series]) <= drill.before[series]:
        assert patience.left(), f"{series} is still {now:g} after {limit} s"
    world.saw(f"{series} +{now - drill.before[series]:g}")


@then(parsers.re(r"(?P<series>[a-z_]+(\{[^}]*\})?) is ((?P<least>\d+) to )?(?P<value>\d+)"))
def series_is(world: World, series: str, least: str | None, value: str) -> None:
    """That value now, or one between the two."""
    now = world.metrics()[series]
    assert float(least or value) <= now <= float(value), f"{series} is {now:g}"
    world.saw(f"{series} {now:g}")


@then(parsers.re(r"the metrics have (?P<families>.+)"))
def metrics_have(world: World, families: str) -> None:
    """At least one series of each."""
    names = {name.partition("{")[0] for name in world.metrics().series}
    asked = set(re.findall(r"\w+", families)) - {"and"}
    assert asked <= names, f"missing: {asked - names}"
    world.saw(f"{len(names)} series names served")


# --- the log, Zep, processes, time


@then(parsers.re(r'(?P<count>\d+) reads? of thread "(?P<thread>[^"]+)" (has|have) reached Zep'))
def reads_reached(world: World, count: str, thread: str) -> None:
    """By Zep's own journal."""
    found = world.requests_to_zep(route="context", thread=thread)
    assert found == int(count), f"{found} reads of {thread} in the journal"
    world.saw(f"{found} reads in Zep's journal")


@then(parsers.re(r"the last (?P<count>\d+) messages? did not wait on Zep"))
def did_not_wait(drill: Drill, count: str) -> None:
    """Their memory says that nothing was asked, and why."""
    for turn in drill.turns[-int(count) :]:
        assert turn.memory["status"] in ("negative", "skipped"), f"{turn.message!r}: {turn.memory}"


@then(parsers.re(r"the log shows (?P<event>\w+) (once|(?P<times>\d+) times|with (?P<field>\w+) (?P<values>\w[\w, ]*))"))
def logged(world: World, event: str, times: str | None, field: str | None, values: str | None) -> None:
    """So many lines of that event since the scenario began; or with these values, as the log tells them, in order."""
    lines = [line for line in world.log_events() if line["event"] == event]
    if field is None:
        assert len(lines) == int(times or 1), f"{event}: {len(lines)} lines"
    else:
        told = [f"{line[field]:g}" if isinstance(line[field], float) else str(line[field]) for line in lines]
        assert told == re.split(", | and ", values or ""), f"{event}: {field} {told}"
    world.saw(f"{event} logged" if field is None else f"{field} {values} logged")


@then(
    parsers.re(
        r"within (?P<limit>\d+) s Zep holds all messages of thread \"(?P<thread>[^\"]+)\", each once and in order"
    )
)
def held_once(world: World, drill: Drill, limit: str, thread: str) -> None:
    """What Zep holds of the person's messages is exactly what was sent, and each has its reply."""
    sent_there = [turn.message for turn in drill.turns if turn.thread == thread]
    patience = world.within(float(limit))
    while len(stored := world.stored_messages(thread)) < 2 * len(sent_there):
        assert patience.left(), f"Zep holds {len(stored)} of {2 * len(sent_there)} messages after {limit} s"
    assert [message.content for message in stored if message.role == "user"] == sent_there
    assert [message.role for message in stored] == ["user", "assistant"] * len(sent_there)
    world.saw(f"all {len(sent_there)} messages and their replies in Zep, once, in order")


@then(parsers.parse('a message of unknown fate was looked up in thread "{thread}"'))
def looked_up(world: World, thread: str) -> None:
    """Zep was asked for the newest messages; if not, nobody was in doubt, and the fault came too late or too early."""
    found = world.requests_to_zep(route="get_messages", thread=thread)
    if not found:
        raise WorldError(f"void: nothing was looked up in {thread}: what was sent was never in doubt")
    world.saw(f"{found} look-ups in Zep's journal")


_HELD_SO_MANY = parsers.re(
    r"within (?P<limit>\d+) s Zep holds (?P<count>\d+) messages? of thread \"(?P<thread>[^\"]+)\" "
    r"and (its reply|their replies)"
)


@when(_HELD_SO_MANY)
@then(_HELD_SO_MANY)
def held_so_many(world: World, limit: str, count: str, thread: str) -> None:
    """That many of the person's messages and as many replies, and no more, sooner or later."""
    patience = world.within(float(limit))
    while len(stored := world.stored_messages(thread)) < 2 * int(count):
        assert patience.left(), f"Zep holds {len(stored)} messages of {thread} after {limit} s"
    assert [message.role for message in stored] == ["user", "assistant"] * int(count)


@then(parsers.parse('within {limit:d} s the parts that Zep holds of thread "{thread}" are the whole message'))
def held_in_parts(world: World, drill: Drill, limit: int, thread: str) -> None:
    """What the person wrote last, however it was cut, with a word for each address; and its reply."""
    message, patience = drill.turns[-1].message.replace(_ADDRESS, "[EMAIL]"), world.within(float(limit))
    while not (stored := world.stored_messages(thread)) or stored[-1].role != "assistant":
        assert patience.left(), f"Zep holds {len(stored)} messages and no reply after {limit} s"
    parts = [one.content for one in stored if one.role == "user"]
    assert "".join(parts) == message, f"{sum(map(len, parts))} of {len(message)} characters in {len(parts)} parts"
    assert max(map(len, parts)) <= _ZEP_CHARACTERS, f"a part has {max(map(len, parts))} characters"
    world.saw(f"{len(message)} characters in {len(parts)} parts in Zep")


_ZEP_CHARACTERS = 4096


@then(parsers.parse('what Zep holds of thread "{thread}" has the word "{word}"'))
def zep_holds_word(world: World, thread: str, word: str) -> None:
    """In at least one message."""
    contents = [message.content for message in world.stored_messages(thread)]
    assert any(word in content for content in contents), contents


@then(parsers.re(r'"(?P<text>[^"]+)" (has not reached Zep|is not in the (?P<place>log|outbox))'))
def not_there(world: World, text: str, place: str | None) -> None:
    """Neither in what Zep holds nor in its journal; in no line of the log since the scenario began; or in no row."""
    if place is None:
        assert not world.is_known_to_zep(text), f"Zep has {text!r}"
        world.saw("not in Zep's store, nor in its journal")
    elif place == "log":
        found = [line for line in world.log_events() if text in json.dumps(line, ensure_ascii=False)]
        assert not found, found
    else:
        assert not outbox_steps.outbox_of(world).is_in_outbox(text), f"the outbox has {text!r}"
        world.saw("not in the outbox")


@then(parsers.re(r'the last answer (?P<how>has|has not) "(?P<text>[^"]+)"'))
def answer_has(drill: Drill, how: str, text: str) -> None:
    """As the person reads it."""
    assert (text in drill.turns[-1].reply) is (how == "has"), drill.turns[-1].reply


@then(parsers.parse('the guard gives "{person}" no context of thread "{thread}" without asking Zep'))
def nothing_kept_for(world: World, person: str, thread: str) -> None:
    """A context kept for one person is never another's: theirs is read from Zep."""
    before = world.requests_to_zep(route="context", thread=thread)
    world.read_context(thread, person=person)
    reads = world.requests_to_zep(route="context", thread=thread) - before
    assert reads == 1, f"{reads} reads reached Zep: the context was another person's"
    world.saw(f"{person} was given nothing that was kept for somebody else")


@then(
    parsers.re(
        r'of (?P<count>\d+) contexts( of thread "(?P<thread>[^"]+)")? that are read at once, (?P<sent>\d+) (is|are) '
        r"asked of Zep"
    )
)
def contexts_at_once(world: World, count: str, sent: str, thread: str | None) -> None:
    """Of one thread; or each of its own, so that nothing but the mode, its leases and the places keeps one from Zep."""
    threads = [thread or f"at-once-{number}" for number in range(int(count))]
    asked = world.read_contexts_at_once(threads, person="at-once")
    assert asked == int(sent), f"{asked} of {count} reads went to Zep"
    world.saw(f"{asked} of {count} reads at once went to Zep")


@then("no process has crashed")
def no_crash(world: World, drill: Drill) -> None:
    """The same processes run as before the drill."""
    assert dict(world.processes()) == drill.processes
    world.saw(f"{len(drill.processes)} processes are the same as before")


@when(parsers.parse("{seconds:d} s pass"))
def time_passes(world: World, seconds: int) -> None:
    """Wait the checklist's seconds."""
    world.wait(seconds)
