"""Prepared statements and portals by name, as the server has them or is about to have them.

A client may send ahead: define a name, and use it before the server has agreed. In one group (up to Sync) that is
safe, because the server skips the use where it has refused the definition. In a later group it is not: there the use
would find whatever the name meant before. So whoever uses a name asks `settled` first.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

FORGOTTEN_MOST = 1000
"""So many names are told apart that statements have made or taken away."""
KNOWN_MOST = 10_000
"""Of more names, the one that was made longest ago is forgotten."""


@dataclass(slots=True, eq=False)
class Change(Generic[T]):
    """A name that was given another meaning, or none, in a message that the server has not answered."""

    name: str
    before: T | None
    group: int


class Names(Generic[T]):
    """Of one kind: statements, or portals, among which are cursors."""

    def __init__(self) -> None:
        self._known: dict[str, T] = {}
        self._doubted: dict[str, T] = {}
        """What names meant before something ran that may have given them other meanings."""
        self._pending: dict[str, list[Change[T]]] = {}
        self._forgotten: dict[str, int] = {}
        """By which statement last, by its number."""
        self._all_forgotten = 0

    def get(self, name: str) -> T | None:
        """What the name means once everything sent so far has been agreed to."""
        return self._known.get(name)

    def doubted(self, name: str) -> T | None:
        """What it meant before that became doubtful."""
        return self._doubted.get(name)

    def settled(self, name: str, group: int) -> bool:
        """Whether it certainly means that for a message of this group."""
        changes = self._pending.get(name)
        return not changes or changes[-1].group == group

    def define(self, name: str, thing: T, group: int) -> Change[T]:
        """A message that gives the name this meaning is on its way."""
        change = Change(name, self._known.get(name), group)
        self._is_now(name, thing)
        self._pending.setdefault(name, []).append(change)
        return change

    def drop(self, name: str, group: int) -> Change[T]:
        """A message that takes the name away is on its way."""
        change = Change(name, self._known.pop(name, None), group)
        self._doubted.pop(name, None)
        self._pending.setdefault(name, []).append(change)
        return change

    def agreed(self, change: Change[T]) -> None:
        """The server has done it."""
        self._answered(change)

    def undone(self, change: Change[T]) -> None:
        """The server has not done it. What was sent later did not change what this one seemed to have made, but
        what there was before it."""
        later = self._answered(change)
        if later is not None:
            later.before = change.before
        elif change.before is None:
            self._known.pop(change.name, None)
        else:
            self._known[change.name] = change.before

    def know(self, name: str, thing: T, n: int) -> None:
        """Statement `n`, which is over, has given the name this meaning. What is pending was sent behind it."""
        if n < max(self._forgotten.get(name, 0), self._all_forgotten):
            return  # another statement is on its way, and nobody knows whether it has run yet
        changes = self._pending.get(name)
        if changes:
            changes[0].before = thing
        else:
            self._is_now(name, thing)

    def forget(self, name: str, n: int) -> None:
        """Statement `n` is about to give it another meaning, or none. Whatever it meant, it will not mean again."""
        if len(self._forgotten) >= FORGOTTEN_MOST:
            self._forgotten.clear()
            self._all_forgotten = n
        self._forgotten[name] = n
        self._known.pop(name, None)
        self._doubted.pop(name, None)
        for change in self._pending.get(name, ()):
            change.before = None

    def clear(self, n: int) -> None:
        """The same, of all of them."""
        self.doubt(n)
        self._doubted.clear()

    def doubt(self, n: int, but: Collection[str] = ()) -> None:
        """Statement `n` is about to do what nobody can see: it may give any of them another meaning, or none, but not
        these."""
        self._forgotten.clear()
        self._all_forgotten = n
        for name in [name for name in self._known if name not in but]:
            self._doubted[name] = self._known.pop(name)
        for name, changes in self._pending.items():
            for change in changes if name not in but else ():
                change.before = None

    def end(self, dies: Callable[[T], bool]) -> None:
        """All that is pending was sent behind this moment, at which those that this fits are gone."""
        for name in [
            name for name, thing in self._known.items() if name not in self._pending and dies(thing)
        ]:
            del self._known[name]
        for changes in self._pending.values():
            before = changes[0].before
            if before is not None and dies(before):
                changes[0].before = None
        for name in [name for name, thing in self._doubted.items() if dies(thing)]:
            del self._doubted[name]

    def _is_now(self, name: str, thing: T) -> None:
        self._doubted.pop(name, None)
        self._known.pop(name, None)  # it is the youngest now
        self._known[name] = thing
        if len(self._known) > KNOWN_MOST:
            self._known.pop(next(iter(self._known)))

    def _answered(self, change: Change[T]) -> Change[T] | None:
        """It is pending no more. The one that was sent next."""
        changes = self._pending.get(change.name)
        if not changes or change not in changes:
            return None
        place = changes.index(change)
        del changes[place]
        if not changes:
            del self._pending[change.name]
        return changes[place] if place < len(changes) else None
