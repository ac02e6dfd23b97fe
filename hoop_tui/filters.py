"""What a person types behind `/`: `user:alice target:web state:live`. The gateway does the filtering, not the app."""

from dataclasses import dataclass

_STATES = ("live", "ended", "all")
_KEYS = {"user": "person", "who": "person", "person": "person", "target": "target", "state": "state"}


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions to ask the gateway for."""

    state: str = "all"
    person: str = ""
    target: str = ""

    def __str__(self) -> str:
        words = []
        if self.person:
            words.append(f"user:{self.person}")
        if self.target:
            words.append(f"target:{self.target}")
        if self.state != "all":
            words.append(f"state:{self.state}")
        return " ".join(words)


EVERYTHING = SessionFilter()


def parse_filter(text: str) -> SessionFilter:
    """Raises ValueError with one sentence that says what to write instead."""
    found: dict[str, str] = {}
    for word in text.split():
        key, colon, value = word.partition(":")
        name = _KEYS.get(key.lower(), "")
        if not colon or not name or not value:
            raise ValueError(
                f"A filter reads user:NAME target:NAME state:live; {word[:40]} is none of these."
            )
        if name in found:
            raise ValueError(f"The filter says {key} twice.")
        if name == "state":
            value = value.lower()
            if value not in _STATES:
                raise ValueError("A state is live, ended or all.")
        if name == "target":
            value = value.rpartition(":")[2]
            if not value:
                raise ValueError("The filter names no target after target:")
        found[name] = value
    return SessionFilter(**found)
