"""From a text to its facts: parsed, walked over, and the same for every command line that is found within.

Bounded in everything: lines come from attackers. Texts within texts wait in a queue instead of on a stack.
"""

import re
from dataclasses import dataclass, field

from gateway.policy.shell import grammar, habits
from gateway.policy.shell.behind import ASSIGNMENT, Behind, look_behind
from gateway.policy.shell.facts import ANY, PART, Command, ShellFacts
from gateway.policy.shell.simple import read_simple
from gateway.policy.shell.walk import Found, Walk

DEEPEST = 8
LONGEST = 64 << 10
MOST_COMMANDS = 2000
_MOST_TEXTS = 200
_MOST_LETTERS = 128 << 10
"""Of all texts together."""
_CONTROL = re.compile(
    rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff{ANY}{PART}]"
)


@dataclass(slots=True)
class Reading:
    """Of one text with all that is within it."""

    facts: ShellFacts
    is_flat: bool
    """Nothing but commands, each word known, in lists and pipelines."""
    own: tuple[Command, ...]
    """The commands of the text itself."""
    is_straight: bool = False
    """These are run one after another, as they stand."""


@dataclass(slots=True)
class _Sum:
    commands: dict[Command, None] = field(default_factory=dict)
    programs: dict[str, None] = field(default_factory=dict)
    reads: dict[str, None] = field(default_factory=dict)
    writes: dict[str, None] = field(default_factory=dict)
    doubt: str = ""
    letters: int = 0
    budget: grammar.Budget = field(default_factory=lambda: grammar.Budget(0))

    def doubts(self, why: str) -> None:
        self.doubt = self.doubt or why


def read_shell(text: str) -> Reading:
    """Understand `text` as far as it goes. Never raises."""
    total = _Sum(budget=grammar.Budget(len(text)))
    own, is_flat = _one(text, total, counts=True, depth=0)
    straight = own.is_straight
    waiting = [(inner, counts, 1) for command in own for inner, counts in _behind(command, total, True, own)]
    known = {(text, True)}
    while waiting:
        inner, counts, depth = waiting.pop()
        if (inner, counts) in known or (inner, True) in known:
            continue
        known.add((inner, counts))
        if depth > DEEPEST or len(known) > _MOST_TEXTS:
            total.doubts("it holds too many command lines")
            break
        found, _ = _one(inner, total, counts=counts, depth=depth)
        for command in found:
            waiting += [
                (more, counts and sure, depth + 1) for more, sure in _behind(command, total, counts, found)
            ]
    facts = ShellFacts(
        tuple(total.commands),
        tuple(total.programs),
        tuple(total.reads),
        tuple(total.writes),
        not total.doubt,
        total.doubt,
    )
    return Reading(facts, is_flat and not total.doubt, tuple(own), straight)


class _Commands(list[Command]):
    """The commands of one text, and what concerns all of them."""

    substitutes_file = False
    is_straight = False


def _one(text: str, total: _Sum, *, counts: bool, depth: int) -> tuple[_Commands, bool]:
    """The commands of one text, without what is within them."""
    found, doubt = _walked(text, total, depth)
    commands = _Commands(found.commands)
    commands.substitutes_file = found.substitutes_file
    commands.is_straight = found.is_straight and not doubt
    if found.has_document:
        commands[:] = [Command(command.words, True) for command in commands]
    for command in commands:
        total.commands[command] = None
    total.reads.update(dict.fromkeys(found.reads))
    total.writes.update(dict.fromkeys(found.writes))
    if len(total.commands) > MOST_COMMANDS:
        total.doubts("it has too many commands")
    if counts:
        for why in (doubt, *found.doubts[:1]):
            if why:
                total.doubts(why)
        for name, value in found.assigned:
            if habits.harmful_value(name, value.text if value.is_known else ANY):
                total.doubts(f"it sets {name}")
    return commands, found.is_flat and not doubt


def _walked(text: str, total: _Sum, depth: int) -> tuple[Found, str]:
    total.letters += len(text)
    if len(text) > LONGEST >> max(0, depth - 1) or total.letters > _MOST_LETTERS:
        return Found(is_flat=False), "it is too long"
    if _CONTROL.search(text):
        return Found(is_flat=False), "it has characters in it that nobody sees"
    if (simple := read_simple(text)) is not None:
        return Found(simple), ""
    data = text.encode("utf-8")
    root = total.budget.parse(data)
    if root is None:
        return Found(is_flat=False), "it is too much to be understood"
    found = Walk(data, root).run()
    return found, "it is not a complete command line" if root.has_error else ""


def _behind(command: Command, total: _Sum, counts: bool, beside: _Commands) -> list[tuple[str, bool]]:
    seen: Behind = look_behind(command, substitutes_file=beside.substitutes_file)
    total.programs.update(dict.fromkeys(seen.programs))
    if counts:
        for why in seen.doubts[:1]:
            total.doubts(why)
        if command.words[0].text in ("export", "declare", "typeset", "readonly", "local", "set"):
            for word in command.words[1:]:
                found = ASSIGNMENT.match(word.text)
                if found and habits.harmful_value(found[1], found[2]):
                    total.doubts(f"it sets {found[1]}")
    return seen.texts
