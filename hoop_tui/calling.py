"""Follows what waits for whoever sits here, on whichever screen they are, so that they can be called.

It asks for the list only, at most once a second, and knows no screen.
"""

import asyncio
from collections.abc import Callable

from gateway.api.schema import RequestPage
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.requests_client import RequestBook

_MOST = 500
_PAUSE = 1.0


class Calling:
    """`run` until cancelled; `look` says that something may have changed."""

    def __init__(self, requests: RequestBook, call: Callable[[int, int], None]) -> None:
        """`call` gets how many are new, and how many wait."""
        self._requests, self._call = requests, call
        self._stale = asyncio.Event()
        self._known: set[str] | None = None
        self.waiting: int | None = None
        """None: nobody knows yet, or it is not for this person to know."""

    def look(self) -> None:
        """Ask again."""
        self._stale.set()

    async def run(self) -> None:
        self._stale.set()
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                self._take(await self._requests.page(limit=_MOST))
            except NotSignedIn:
                return  # the feed hears the same, and sees to it
            except GatewayTrouble:
                self.waiting = None
            await asyncio.sleep(_PAUSE)

    def _take(self, page: RequestPage) -> None:
        yours = {each.id for each in page.requests if each.state == "held" and not each.may_decide}
        fresh = yours - self._known if self._known is not None else set()
        self._known = (self._known or set()) | yours
        before, self.waiting = self.waiting, len(yours)
        if fresh or before != self.waiting:
            self._call(len(fresh), len(yours))
