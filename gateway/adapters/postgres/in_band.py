"""What a person says about their requests in the session itself: `SET hoop.reason = '...'`, `hoop.ticket`, and with
`hoop.hold` whether their client can wait. Also as they connect, by `options`.

The server gets a SET like any other and keeps the value for SHOW. Here it counts from the moment that the statement
is admitted, whatever becomes of its transaction.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from gateway.session.approvals import Notice
from gateway.session.remarks import MOST_LETTERS

OURS = "hoop."
HOLD = "hoop.hold"
ANSWERS = {"hoop.reason": "reason", "hoop.ticket": "ticket"}
NAMES = frozenset({HOLD, *ANSWERS})
_EVERYTHING = "all"

Settings = Iterable[tuple[str, str]]


class InBand:
    """Of one conversation."""

    def __init__(self, settings: Settings = (), hold: str = "wait") -> None:
        """`hold`: what counts where the person says nothing. Neither is checked here."""
        self._begins = dict(settings)
        self._usual = hold
        self._now = dict(self._begins)

    @property
    def waits(self) -> bool:
        """What is held is waited for. If not it is refused, and passes when it is tried again."""
        return (self._now.get(HOLD) or self._usual) != "fail"

    def answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        """What of it was given."""
        said = {ANSWERS[name]: text for name, text in self._now.items() if name in ANSWERS}
        return {name: text for name, text in said.items() if name in required and text.strip()}

    def take(self, settings: Settings) -> None:
        """These were set. Of none: to what they were at first."""
        for name, value in settings:
            if name == _EVERYTHING:
                self._now = dict(self._begins)
            elif name in NAMES:
                self._now[name] = value or self._begins.get(name, "")


class Hears:
    """What a Gate tells a person by, and learns from what they have said already."""

    def __init__(self, tell: Notice, in_band: InBand) -> None:
        self._tell = tell
        self._in_band = in_band

    async def __call__(self, text: str) -> None:
        await self._tell(text)

    async def answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        return self._in_band.answers(required)


def why_not(settings: Settings) -> str:
    """Why these can not be set; empty where they can, or are the server's business."""
    for name, value in settings:
        if not name.startswith(OURS):
            continue
        if name not in NAMES:
            return f"there is no setting {name[:64]}: there are {', '.join(sorted(NAMES))}"
        if name == HOLD and value not in ("wait", "fail", ""):
            return f"{HOLD} is wait or fail"
        if len(value) > MOST_LETTERS:
            return f"a {ANSWERS[name]} has {MOST_LETTERS} letters at most"
    return ""
