"""`FakeGateway`: a gateway that never changes, behind the same Protocol, for tests, snapshots and screenshots.

Its clock stands still and its recordings are written by hand. It is no server and opens no port.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from gateway.api.schema import (
    DeviceCode,
    FeedEvent,
    Me,
    PersonEnded,
    RecordingInfo,
    RecordingState,
    SessionPage,
    SessionState,
    SessionSummary,
    WireFrame,
)
from hoop_tui import demo_scenes, demo_statements
from hoop_tui.client import FrameBatch
from hoop_tui.demo_requests import FakeRequests, demo_requests
from hoop_tui.errors import GatewayTrouble, NotFound, ServerSaid
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.desk import NotYet
from hoop_tui.scenes import Scene
from hoop_tui.sign_in import Token

_BEAT_SECONDS = 5.0
NOW: Final = datetime(2026, 11, 20, 10, 42, 7, tzinfo=UTC)


class FrozenClock:
    """Time that passes only when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self._start, self._passed_us = now, 0

    def now(self) -> datetime:
        return self._start + timedelta(microseconds=self._passed_us)

    def monotonic_us(self) -> int:
        return self._passed_us

    def pass_seconds(self, seconds: float) -> None:
        self._passed_us += int(seconds * 1_000_000)


@dataclass
class Kept:
    """A session and its recording."""

    summary: SessionSummary
    frames: Sequence[WireFrame] = ()
    state: RecordingState = RecordingState.WHOLE
    cols: int = 80
    rows: int = 24
    command: str = ""
    problem: str = ""
    duration_us: int | None = None


@dataclass
class FakeGateway:
    """Answers at once. Set `failing` to make every question fail; `grow` and `hint` make things happen."""

    kept: dict[str, Kept]
    who: Me = field(
        default_factory=lambda: Me(
            person="bob@example.com", roles=["admin", "auditor"], gateway="gw-eu-1", version="0.1.0"
        )
    )
    failing: GatewayTrouble | None = None
    asked: list[str] = field(default_factory=list)
    closed: bool = False
    requests: FakeRequests = field(default_factory=lambda: demo_requests(lambda: NOW))
    _hints: "asyncio.Queue[FeedEvent]" = field(default_factory=asyncio.Queue)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def hint(self, topic: str, key: str) -> None:
        """Something happened: the feed tells."""
        self._hints.put_nowait(FeedEvent(topic=topic, key=key))

    def grow(self, id: str, frames: Sequence[WireFrame], state: RecordingState = RecordingState.LIVE) -> None:
        """More was recorded."""
        kept = self.kept[id]
        kept.frames, kept.state = [*kept.frames, *frames], state
        self._grown.set()

    async def me(self) -> Me:
        self._note("me")
        return self.who

    async def sessions(
        self, *, state: str = "all", person: str = "", target: str = "", limit: int = 200
    ) -> SessionPage:
        self._note(f"sessions {state} {person} {target}".strip())
        everything = [kept.summary for kept in self.kept.values()]
        found = [
            each
            for each in everything
            if (state == "all" or (each.state is SessionState.LIVE) == (state == "live"))
            and person in ("", each.person, each.person.partition("@")[0])
            and target in ("", each.target)
        ]
        found.sort(key=lambda each: (each.state is not SessionState.LIVE, -each.started_at.timestamp()))
        live = sum(each.state is SessionState.LIVE for each in everything)
        today = sum(each.started_at.date() == NOW.date() for each in everything)
        return SessionPage(sessions=found[:limit], live=live, today=today)

    async def session(self, id: str) -> SessionSummary:
        self._note(f"session {id}")
        return self._kept(id).summary

    async def recording(self, id: str) -> RecordingInfo:
        self._note(f"recording {id}")
        kept = self._kept(id)
        length = kept.duration_us
        if length is None:
            length = kept.frames[-1].at_us if kept.frames else 0
        return RecordingInfo(
            session=kept.summary.id,
            person=kept.summary.person,
            target=kept.summary.target,
            login=kept.summary.login,
            command=kept.command,
            started_at=kept.summary.started_at,
            cols=kept.cols,
            rows=kept.rows,
            state=kept.state,
            duration_us=length,
            frames=len(kept.frames),
            problem=kept.problem,
        )

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        self._note(f"frames {id} {start}")
        kept = self._kept(id)
        if start >= len(kept.frames) and kept.state is RecordingState.LIVE and wait:
            self._grown.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._grown.wait()
            except TimeoutError:
                pass
        frames = list(kept.frames[start : start + 500])
        return FrameBatch(frames, start + len(frames), kept.state)

    async def export(self, id: str, form: str) -> AsyncIterator[bytes]:
        self._note(f"export {id} {form}")
        for frame in self._kept(id).frames:
            yield frame.data

    async def pause(self, id: str) -> SessionSummary:
        return self._steer("pause", id, "", paused_by=self.who.person)

    async def resume(self, id: str) -> SessionSummary:
        return self._steer("resume", id, "", paused_by="")

    async def message(self, id: str, text: str) -> SessionSummary:
        return self._steer("message", id, text)

    async def end(self, id: str, reason: str = "") -> SessionSummary:
        return self._steer("end", id, reason, state=SessionState.KILLED, outcome="ended", ended_at=NOW)

    async def end_person(self, name: str, reason: str = "") -> PersonEnded:
        self._note(f"end everything of {name} {reason}".strip())
        theirs = [
            kept.summary.id
            for kept in self.kept.values()
            if kept.summary.person == name and kept.summary.state is SessionState.LIVE
        ]
        for id in theirs:
            await self.end(id, reason)
        return PersonEnded(ended=theirs)

    async def feed(self) -> AsyncIterator[FeedEvent]:
        self._note("feed")
        yield FeedEvent(topic="beat")
        while True:
            try:
                # Not wait_for, which forgets that it was cancelled when a hint comes at that moment.
                async with asyncio.timeout(_BEAT_SECONDS):
                    hint = await self._hints.get()
            except TimeoutError:
                hint = FeedEvent(topic="beat")
            yield hint

    async def close(self) -> None:
        self.closed = True

    def _steer(self, what: str, id: str, text: str, **change: object) -> SessionSummary:
        self._note(f"{what} {id} {text}".strip())
        kept = self._kept(id)
        if kept.summary.state is not SessionState.LIVE:
            raise ServerSaid(f"{kept.summary.id} has ended already", 409)
        kept.summary = kept.summary.model_copy(update=change)
        return kept.summary

    def _note(self, question: str) -> None:
        self.asked.append(question)
        if self.failing is not None:
            raise self.failing

    def _kept(self, id: str) -> Kept:
        found = [kept for key, kept in self.kept.items() if key.startswith(id)]
        if len(found) != 1:
            raise NotFound(f"The gateway knows no session {id}.")
        return found[0]


@dataclass
class FakeDesk:
    """A place to sign in at, which gives the same code every time. Set `signed_in`, or `failing`."""

    url: str = "https://hoop.example.com"
    failing: GatewayTrouble | None = None
    signed_in: SignedIn | None = None
    asked: int = 0

    async def ask_code(self, host: str) -> DeviceCode:
        self.asked += 1
        if self.failing is not None:
            raise self.failing
        return DeviceCode(
            device_code="a-device",
            user_code="WDJB-MJHT",
            verification_uri=f"{self.url}/d",
            verification_uri_complete=f"{self.url}/d/WDJB-MJHT",
            expires_in=300,
            interval=1,
        )

    async def collect(self, device_code: str) -> SignedIn | NotYet:
        if self.failing is not None:
            raise self.failing
        return self.signed_in or NotYet.PENDING

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> SignedIn:
        raise ServerSaid("denied: the sign-in was declined", 403)

    def confirm(self, note: str = "") -> None:
        """What the person does in their browser."""
        ends_at = NOW + timedelta(hours=12)
        self.signed_in = SignedIn(Token("t-demo"), "t-1", "bob@example.com", ("person",), ends_at, note)


def demo_gateway() -> FakeGateway:
    """The cast of the mock-ups: four live sessions, six that are over."""
    live, cut = RecordingState.LIVE, RecordingState.CUT
    blocked = SessionState.BLOCKED
    removal, report, lost = demo_scenes.denied_removal(), demo_scenes.wide_report(), demo_scenes.cut_line()
    orders = _orders()
    sessions = [
        _kept("91XKD0PM", "alice", "db-1", "10:27:44", demo_scenes.waiting_restart(), live, commands=14, masked=212),
        _kept("77QA4TBN", "carol", "web-3", "10:01:10", demo_scenes.waiting_restart(), live, commands=31, held=1),
        _kept("5ZR2M8WC", "svc-etl", "etl-1", "10:41:02", demo_scenes.backup(running=True), live, commands=1,
              command=demo_scenes.BACKUP_COMMAND),
        _kept("3MMD61HV", "dave", "etl-2", "10:39:50", report, live, env="stage", commands=6),
        _kept("2B8CK4TQ", "erin", "web-1", "09:12:00", removal, ended=removal.length_us, commands=9,
              held=1, blocked=1),
        _kept("1Q0FW7ZE", "mallory", "db-1", "08:59:13", demo_scenes.blocked_shell(), cut, ended=52_000_000,
              state=SessionState.KILLED, commands=3, blocked=2, problem="ended by bob@example.com"),
        _kept("6DBX3QWA", "dana", "appdb", "08:31:05", orders, ended=orders.length_us, commands=1210, held=2,
              blocked=2, masked=3, kind="postgres"),
        _kept("0XQ1J5KA", "erin", "web-1", "07:47:11", demo_scenes.denied_removal(), ended=760_000_000, commands=38),
        _kept("ZK44N2RD", "svc-etl", "db-1", "02:00:00", demo_scenes.backup(), ended=61_800_000, commands=1,
              state=blocked, blocked=1, command=demo_scenes.BACKUP_COMMAND),
        _kept("9THB3FYS", "alice", "web-2", "01:31:20", lost, cut, ended=lost.length_us, state=SessionState.LOST,
              commands=1, problem="the gateway stopped without closing it"),
    ]  # fmt: skip
    return FakeGateway({kept.summary.id: kept for kept in sessions})


@cache
def _orders() -> Scene:
    """Made once, because it is long. Nobody changes its frames."""
    return demo_statements.look_into_orders()


def _kept(
    id: str,
    person: str,
    target: str,
    started: str,
    scene: Scene,
    recorded: RecordingState = RecordingState.WHOLE,
    *,
    ended: int | None = None,
    state: SessionState | None = None,
    env: str = "prod",
    commands: int = 0,
    held: int = 0,
    blocked: int = 0,
    masked: int = 0,
    problem: str = "",
    command: str = "",
    kind: str = "ssh",
) -> Kept:
    begun = datetime.combine(NOW.date(), datetime.strptime(started, "%H:%M:%S").time(), UTC)  # noqa: DTZ007
    summary = SessionSummary(
        id=f"s-{id}",
        state=state or (SessionState.ENDED if ended is not None else SessionState.LIVE),
        person=person if person.startswith("svc-") else f"{person}@example.com",
        target=target,
        kind=kind,
        login=person,
        address="10.0.0.7",
        client="OpenSSH_9.2" if kind == "ssh" else "psql",
        labels={"env": env},
        started_at=begun,
        ended_at=None if ended is None else begun + timedelta(microseconds=ended),
        outcome="" if ended is None else "exit 0",
        commands=commands,
        held=held,
        blocked=blocked,
        masked=masked,
        bytes_shown=sum(len(frame.data) for frame in scene.frames),
    )
    cols, rows = (132, 50) if target == "etl-2" else (80, 24)
    return Kept(summary, scene.frames, recorded, cols, rows, command, problem)
