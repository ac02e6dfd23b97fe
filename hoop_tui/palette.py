"""What `ctrl+p` finds besides themes and commands: people, sessions, requests, and moments (`2B8C@8:39`).

The gateway is asked once when the palette opens, for a bounded number of each, and then for a name or an id that was
not among them. No name of anybody can pass for a command, because each line begins with what it is.
"""

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.style import Style

from gateway.api.schema import RequestCard, RequestSummary, SessionSummary
from hoop_tui.errors import GatewayTrouble
from hoop_tui.gateways import choices
from hoop_tui.moments import parse_link, whole_id
from hoop_tui.requests_client import request_id
from hoop_tui.safe_text import safe, visible
from hoop_tui.wording import short_id, target_of

if TYPE_CHECKING:
    from hoop_tui.app import HoopApp

_MOST_OF_EACH = 200
_SHOWN_AT_FIRST = 8
_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.2
"""Between the last key and the question for what is not known here."""
_LONGEST = 60
_LIKE_A_NAME = re.compile(r"[\w.@+-]{2,60}")


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the palette, and what Enter does."""

    words: str
    go: Callable[[], object]


class HoopProvider(Provider):
    """Of what the gateway has."""

    def __init__(self, screen: Screen[object], match_style: Style | None = None) -> None:
        super().__init__(screen, match_style)
        self._found: list[Found] = []

    async def startup(self) -> None:
        self._found = [
            Found(f"gateway  {visible(name)}  {visible(url)}", partial(self._hoop.go_to_gateway, url))
            for name, url in choices(os.environ, self._hoop.sign_in_path).items()
        ]
        if self._hoop.is_signing_in:
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                sessions = (await self._hoop.client.sessions(limit=_MOST_OF_EACH)).sessions
                self._found += self._people([each.person for each in sessions])
                self._found += [self._session(each) for each in sessions]
                page = await self._hoop.client.requests.page(which="all", state="", limit=_MOST_OF_EACH)
                self._found += [self._request(each) for each in page.requests]
        except (GatewayTrouble, TimeoutError):
            return  # the header says so; links and commands work all the same

    @property
    def _hoop(self) -> "HoopApp":
        return cast("HoopApp", self.app)

    async def discover(self) -> Hits:
        for kind in ("request", "session", "person", "gateway"):
            for found in [each for each in self._found if each.words.startswith(kind)][:_SHOWN_AT_FIRST]:
                yield DiscoveryHit(safe(found.words), found.go, text=found.words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        asked = query.strip()[:_LONGEST]
        is_known = self._is_command(asked)
        for found in self._found:
            score = matcher.match(found.words)
            if score > 0:
                is_known = True
                yield Hit(score, safe(found.words), found.go, text=found.words)
        if "@" in asked and (opened := self._moment(asked)) is not None:
            yield Hit(1.0, safe(opened.words), opened.go, text=opened.words)
        if _LIKE_A_NAME.fullmatch(asked) and not is_known and not self._hoop.is_signing_in:
            await asyncio.sleep(_PAUSE_SECONDS)
            for found in await self._asked_for(asked):
                yield Hit(1.0, safe(found.words), found.go, text=found.words)

    def _is_command(self, asked: str) -> bool:
        commands = self._hoop.get_system_commands(self.screen)
        return any(asked.casefold() in each.title.casefold() for each in commands)

    async def _asked_for(self, asked: str) -> list[Found]:
        """What the gateway has by this name or id."""
        client, found = self._hoop.client, []
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                page = await client.sessions(person=asked, limit=_SHOWN_AT_FIRST)
                found += self._people([each.person for each in page.sessions])
                found += [self._session(each) for each in page.sessions]
        except (GatewayTrouble, TimeoutError):
            pass
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                found.append(self._request(await client.requests.card(request_id(asked))))
        except (GatewayTrouble, TimeoutError, ValueError):
            pass
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                found.append(self._session(await client.session(whole_id(asked))))
        except (GatewayTrouble, TimeoutError, ValueError):
            pass
        return found

    def _people(self, people: list[str]) -> list[Found]:
        return [
            Found(f"person   {visible(each[:_LONGEST])}", partial(self._hoop.show_person, each))
            for each in dict.fromkeys(people)
        ]

    def _session(self, session: SessionSummary) -> Found:
        target, _ = target_of(session)
        words = f"{short_id(session.id)[:20]} {session.person[:_LONGEST]} {target[:_LONGEST]} {session.state}"
        return Found(f"session  {visible(words)}", lambda: self._hoop.open_replay(session.id))

    def _request(self, request: RequestSummary | RequestCard) -> Found:
        if isinstance(request, RequestCard):
            person, target = request.who.person, request.where.target
        else:
            person, target = request.person, request.target
        words = f"{request.id[:20]} {person[:_LONGEST]} {target[:_LONGEST]} {request.state}"
        return Found(f"request  {visible(words)}", lambda: self._hoop.show_request(request.id))

    def _moment(self, asked: str) -> Found | None:
        try:
            session, at_us = parse_link(asked)
        except ValueError:
            return None
        return Found(f"session  {visible(asked)}", lambda: self._hoop.open_replay(session, at_us))
