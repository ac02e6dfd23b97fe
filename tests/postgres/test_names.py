"""What names mean to the gateway, against a server that answers later and skips what comes behind an error: whenever
a name is used and the use reaches the server, both mean the same, or the gateway says that it does not know."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.adapters.postgres.names import Change, Names


@dataclass
class Sent:
    """A message on its way."""

    what: str
    name: str = ""
    meaning: int = 0
    change: Change[int] | None = None
    n: int = 0
    believed: int | None = None


@dataclass
class World:
    """A client that sends ahead, the gateway's names, and a server."""

    names: Names[int] = field(default_factory=Names)
    line: list[Sent] = field(default_factory=list)
    group: int = 0
    n: int = 0
    server: dict[str, int] = field(default_factory=dict)
    skips: bool = False
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def send(self, what: str, name: str) -> None:
        """As the adapter does for each kind of message."""
        self.n += 1
        sent = Sent(what, name, self.n, n=self.n)
        if what == "parse":
            sent.change = self.names.define(name, self.n, self.group)
        elif what == "close":
            sent.change = self.names.drop(name, self.group)
        elif what in ("PREPARE", "DEALLOCATE"):
            self.names.forget(name, self.n)
        elif what == "DEALLOCATE ALL":
            self.names.clear(self.n)
        elif what == "DO":
            self.names.doubt(self.n, ("",))
        elif what == "use":
            if not self.names.settled(name, self.group):
                while self.line:
                    self.answer()
            sent.believed = self.names.get(name)
        elif what == "sync":
            self.group += 1
        self.line.append(sent)

    def answer(self) -> None:
        """The server works through one message."""
        sent = self.line.pop(0)
        if sent.what == "sync":
            self.skips = False
            if self.dice.random() < 0.3:  # a transaction has ended with it
                self.server = {name: meaning for name, meaning in self.server.items() if holds(meaning)}
                self.names.end(lambda meaning: not holds(meaning))
        elif not self.skips:
            self._do(sent)
        elif sent.change is not None:  # sent behind an error that was known already
            self.names.undone(sent.change)

    def _do(self, sent: Sent) -> None:
        exists = sent.name in self.server
        if sent.what == "bad" or (sent.what in ("parse", "use") and exists != (sent.what == "use")):
            self._skip(sent)
        elif sent.what == "use":
            assert sent.believed is None or sent.believed == self.server[sent.name]
        elif sent.what in ("parse", "close"):
            self.server.pop(sent.name, None)
            if sent.what == "parse":
                self.server[sent.name] = sent.meaning
            assert sent.change is not None
            self.names.agreed(sent.change)
        elif sent.what == "PREPARE" and not exists:
            self.server[sent.name] = sent.meaning
            self.names.know(sent.name, sent.meaning, sent.n)
        elif sent.what == "DEALLOCATE":
            self.server.pop(sent.name, None)
        elif sent.what == "DEALLOCATE ALL":
            self.server.clear()
        elif sent.what == "DO":
            for name in "ab":
                if self.dice.random() < 0.5:
                    self.server.pop(name, None)
                if self.dice.random() < 0.5:
                    self.server[name] = -sent.n

    def _skip(self, sent: Sent) -> None:
        """An error: what was sent up to the next Sync is dropped, the last first."""
        self.skips = True
        dropped = [sent]
        while self.line and self.line[0].what != "sync":
            dropped.append(self.line.pop(0))
        for each in reversed(dropped):
            if each.change is not None:
                self.names.undone(each.change)


def holds(meaning: int) -> bool:
    """Some things outlive a transaction."""
    return meaning % 3 == 0


PATTERNS = (
    ("close", "parse"),
    ("close",),
    ("parse",),
    ("use",),
    ("close", "parse", "use"),
    ("PREPARE",),
    ("DEALLOCATE", "PREPARE"),
    ("DEALLOCATE ALL",),
    ("DO",),
    ("DO", "use"),
    ("close", "parse", "DO", "use"),
    ("DO", "close", "parse", "use"),
)


Group = tuple[bool, Sequence[str], int, str]
"""Whether it begins with an error, what else is in it, so many answers behind it, and the name that it is about."""


def test_both_mean_the_same_or_the_gateway_does_not_know() -> None:
    dice = random.Random(5)
    for _ in range(6000):
        groups: list[Group] = [(False, ("parse",), 9, "a")] if dice.random() < 0.5 else []
        for _ in range(dice.randrange(1, 6)):
            answers = dice.choice((0, 0, 1, 2, 3, 9))
            # The unnamed one is never touched by SQL.
            steps, name = dice.choice(PATTERNS), dice.choice(("a", "a", "a", "b", ""))
            if name or not any(what.isupper() and what != "DO" for what in steps):
                groups.append((dice.random() < 0.4, steps, answers, name))
        tell([*groups, (False, ("use",), 0, "a")])


def tell(groups: Sequence[Group]) -> None:
    world = World()
    for fails, steps, answers, name in groups:
        for what in (*(["bad"] if fails else []), *steps, "sync"):
            world.send(what, name)
        for _ in range(answers):
            if world.line:
                world.answer()
    while world.line:
        world.answer()


def test_many_names_are_not_kept_for_ever() -> None:
    names: Names[int] = Names()
    for n in range(1, 5000):
        names.forget(f"name {n}", n)
        names.know(f"name {n}", n, n)
        names.forget(f"name {n}", n)
    assert len(names._forgotten) <= 1000
    assert not names._known


def test_what_was_made_after_a_doubt_is_certain() -> None:
    names: Names[int] = Names()
    names.agreed(names.define("", 1, 0))
    names.agreed(names.define("before", 2, 0))
    pending = names.define("on its way", 3, 0)
    names.doubt(9, ("",))
    assert (names.get(""), names.get("before"), names.get("on its way")) == (1, None, None)
    assert (names.doubted("before"), names.doubted("on its way")) == (2, 3)
    names.agreed(pending)
    names.know("made in SQL before", 4, 8)
    names.know("made in SQL after", 5, 10)
    assert (names.get("made in SQL before"), names.get("made in SQL after")) == (None, 5)
    names.define("before", 6, 1)
    assert names.get("before") == 6
    assert names.doubted("before") is None
    names.drop("on its way", 1)
    assert names.doubted("on its way") is None


def test_what_dies_with_a_transaction() -> None:
    names: Names[int] = Names()
    for name, meaning in (("dies", 1), ("holds", 3)):
        names.agreed(names.define(name, meaning, 0))
    later = names.define("dies", 4, 1)
    made = names.define("new", 5, 1)
    names.end(lambda meaning: not holds(meaning))
    assert (names.get("dies"), names.get("holds"), names.get("new")) == (4, 3, 5)
    names.undone(later)
    assert names.get("dies") is None, "what it meant before was gone by then"
    names.agreed(made)
    names.end(lambda meaning: not holds(meaning))
    assert (names.get("holds"), names.get("new")) == (3, None)


def test_names_that_are_never_closed_are_not_all_kept() -> None:
    names: Names[int] = Names()
    for n in range(12_000):
        names.agreed(names.define(f"name {n}", n, n))
        names.agreed(names.define("", n, n))
    assert len(names._known) == 10_000
    assert names.get("") == 11_999
    assert names.get("name 0") is None
    assert names.get("name 11999") == 11_999
