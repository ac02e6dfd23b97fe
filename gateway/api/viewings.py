"""Looking is logged too: every opening of a recording goes to the ledger before a byte of it is sent."""

from collections import OrderedDict

from gateway.api.services import ApiServices
from gateway.core.events import RecordingViewed
from gateway.core.people import Principal

_FORGOTTEN_AFTER_US = 600_000_000
_MOST_REMEMBERED = 10_000


class Viewings:
    """Remembers who is looking at what, so that each piece of one replay is not logged as another.

    Who asks for the middle of a recording without having opened it, or comes back after ten minutes, opens it.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def replay(self, services: ApiServices, who: Principal, session: str, *, opening: bool) -> None:
        """Someone asks for frames; `opening`, when they begin at the start. Raises `Fault`."""
        now = services.clock.monotonic_us()
        last = self._seen.get((who.id, session))
        if opening or last is None or now - last > _FORGOTTEN_AFTER_US:
            await log(services, who, session, "replay")
        self._seen[who.id, session] = now
        self._seen.move_to_end((who.id, session))
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)


async def log(services: ApiServices, who: Principal, session: str, how: str) -> None:
    """Write it down. Raises `Fault`: then nothing may be shown."""
    await services.ledger.append(RecordingViewed(session=session, actor=who.id, person=who.name, how=how))
