"""`hoop-tui review watch`: a line for each request that comes, and for all that becomes of it.

The feed says that something has changed, and the gateway what. Where the feed is silent it is asked all the same.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gateway.api.schema import FeedEvent, RequestCard, RequestSummary
from hoop_tui.cli.printing import print_json, tell
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import HttpGateway
from hoop_tui.errors import GatewayTrouble, NotFound, NotSignedIn, Unreachable
from hoop_tui.request_words import RISKS, place, quoted, where
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible

ASK_AGAIN = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_MOST = 1000
"""So many are followed at once."""


def watch(gateway: str, token_file: Path | None, *, which: str, output: str) -> int:
    """Until Ctrl-C."""

    async def work(client: HttpGateway) -> int:
        watching = _Watching(Requests(client), which, output)
        listening = asyncio.create_task(_listen(client, watching))
        try:
            await watching.run()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        return 0

    return with_gateway(gateway, token_file, work)


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that happened to a request. `kind` is a state, or what somebody did: yes, no, claim, comment..."""

    at: datetime
    kind: str
    by: str = ""
    text: str = ""


class _Seen(NamedTuple):
    """How far the story of a request was printed."""

    mark: str
    decisions: int
    remarks: int


class _Watching:
    """What was printed of each request that is held."""

    def __init__(self, requests: Requests, which: str, output: str) -> None:
        self._requests = requests
        self._which, self._output = which, output
        self._known: dict[str, _Seen] = {}
        self.news = asyncio.Event()

    async def run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            self.news.clear()
            try:
                await self._look()
            except Unreachable as trouble:
                tell(f"{trouble.sentence} Trying again.")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN):
                    await self.news.wait()

    async def _look(self) -> None:
        page = await self._requests.page(which=self._which, state="held", limit=_MOST)
        held = {each.id: each for each in page.requests}
        for request in held.values():
            if request.id not in self._known:
                self._known[request.id] = _Seen(request.mark, request.decisions, request.remarks)
                self._print(_about(request), _Event(request.opened_at, "held"))
        for id, seen in list(self._known.items()):
            if id not in held or held[id].mark != seen.mark:
                await self._follow(id, seen)

    async def _follow(self, id: str, seen: "_Seen") -> None:
        try:
            card = await self._requests.card(id)
        except NotFound:
            del self._known[id]  # it is none of theirs any more
            return
        if card.mark != seen.mark:
            for event in _events(card, seen):
                self._print(_about(card), event)
        if card.state == "held":
            self._known[id] = _Seen(card.mark, len(card.decisions), len(card.remarks))
        else:
            del self._known[id]

    def _print(self, about: dict[str, Any], event: _Event) -> None:
        if self._output == "table":
            print(visible(_line(about, event)), flush=True)
        else:
            said = {"event": event.kind, "at": event.at.isoformat(), "by": event.by, "text": event.text}
            print_json({**said, **about}, lines=True)
            sys.stdout.flush()


async def _listen(client: HttpGateway, watching: _Watching) -> None:
    """Hear the feed for as long as it takes, and wake who looks."""
    pause = _FIRST_PAUSE
    while True:
        try:
            async for event in client.feed():
                pause = _FIRST_PAUSE
                if _tells(event):
                    watching.news.set()
        except NotSignedIn:
            watching.news.set()  # whoever looks is told so
            return
        except GatewayTrouble:
            pause = min(pause * 2, _LONGEST_PAUSE)
        watching.news.set()
        await asyncio.sleep(pause)


def _tells(event: FeedEvent) -> bool:
    return event.topic == "approval"


def _events(card: RequestCard, seen: _Seen) -> Iterator[_Event]:
    """What has happened since, in order; the state that it ended in comes last."""
    words = [
        _Event(each.at, "yes" if each.granted else "no", each.by, each.reason) for each in card.decisions
    ]
    end = [_Event(card.now, card.state)] if card.state != "held" else []
    if card.review is not None and card.state == "approved":
        end = [_Event(card.review.at, "break-glass", card.review.by, card.review.reason)]
    elif card.state in ("approved", "denied") and words:
        *words, last = words
        end = [replace(last, kind=card.state)]
    said = [_Event(each.at, each.kind, each.by, each.text) for each in card.remarks]
    fresh = [*words[seen.decisions :], *said[seen.remarks :]]
    yield from (*sorted(fresh, key=lambda each: each.at), *end)


def _about(request: RequestSummary | RequestCard) -> dict[str, Any]:
    if isinstance(request, RequestSummary):
        named, risk, what, rule = place(request), request.risk, request.what, request.rule
        person, target = request.person, request.target
    else:
        env = request.where.labels.get("env", "")
        named = where(request.where.kind, request.where.target, env)
        risk, rule = request.risk.word, request.rule.id
        what, person, target = request.statement.text[:200], request.who.person, request.where.target
    return {
        "id": request.id,
        "state": request.state,
        "person": person,
        "target": target,
        "where": named,
        "rule": rule,
        "risk": risk,
        "what": what,
    }


def _line(about: dict[str, Any], event: _Event) -> str:
    """`10:42:07Z  7QF-2KM4  held  ! HIGH  alice  pg:appdb PROD  DROP TABLE payments_old`"""
    begin = f"{event.at.astimezone(UTC):%H:%M:%S}Z  {about['id']}"
    if event.kind == "held":
        parts = ("held", RISKS.get(about["risk"], ""), about["person"], about["where"], _short(about["what"]))
        return "  ".join((begin, *(part for part in parts if part)))
    by = f" by {event.by}" if event.by else ""
    text = f": {quoted(event.text)}" if event.text else ""
    return f"{begin}  {event.kind}{by}{text}"


def _short(what: str) -> str:
    line = " ".join(what.split())
    return f"{line[:76]} ..." if len(line) > 80 else line
