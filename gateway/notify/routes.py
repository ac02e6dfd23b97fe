"""Which receiver is sent what: by the names of events, risk, targets and their labels."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from gateway.core.notices import RISKS, Notice


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that receivers can be sent. `names`: what it is called, where it has several names."""

    notice: Notice
    names: frozenset[str]
    entry: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """What one receiver is sent."""

    receiver: str
    send: tuple[str, ...]
    min_risk: str = ""
    targets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    statement: bool = False
    give_up: timedelta = timedelta(hours=1)

    def takes(self, happened: Happened) -> bool:
        """Whether the receiver is sent this."""
        notice = happened.notice
        return (
            wanted(self.send, happened.names)
            and _rank(notice.risk) >= _rank(self.min_risk)
            and (not self.targets or any(fnmatchcase(notice.target, each) for each in self.targets))
            and all(happened.labels.get(name) == value for name, value in self.labels.items())
        )

    def cut(self, notice: Notice) -> Notice:
        """As this receiver may have it: without what was typed, unless it is to have that."""
        return notice if self.statement else replace(notice, statement="", reason="", word="")


def wanted(send: Collection[str], names: Collection[str]) -> bool:
    """Whether one of these names is among what is sent, where `alert.*` stands for all of a kind."""
    return any(fnmatchcase(name, pattern) for name in names for pattern in send)


def _rank(risk: str) -> int:
    return RISKS.index(risk) if risk in RISKS else -1
