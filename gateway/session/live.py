"""The sessions that are open in this process right now: to count them, to know them by id, to end them."""

from collections import Counter
from collections.abc import Iterator

from gateway.session.gate import Gate


class LiveSessions:
    """A plain register. The Lobby adds a Gate, `leave` takes it out."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}
        self._people: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._gates)

    def __iter__(self) -> Iterator[Gate]:
        return iter(list(self._gates.values()))

    def ids(self) -> frozenset[str]:
        """The ids of all open sessions."""
        return frozenset(self._gates)

    def get(self, id: str) -> Gate | None:
        """The gate of an open session."""
        return self._gates.get(id)

    def count(self, principal: str) -> int:
        """How many sessions are open of the person with this id."""
        return self._people[principal]

    def of(self, person: str) -> list[Gate]:
        """The gates of the open sessions of the person with this name, however it is capitalised."""
        name = person.casefold()
        return [gate for gate in self if gate.session.principal.name.casefold() == name]

    def enter(self, gate: Gate) -> None:
        """A session began."""
        self._gates[gate.session.id] = gate
        self._people[gate.session.principal.id] += 1

    def leave(self, id: str) -> None:
        """A session ended."""
        gate = self._gates.pop(id, None)
        if gate is not None:
            self._people -= Counter({gate.session.principal.id: 1})

    def end_all(self, why: str) -> int:
        """End every open session; returns how many there were."""
        for gate in self:
            gate.end(why)
        return len(self._gates)
