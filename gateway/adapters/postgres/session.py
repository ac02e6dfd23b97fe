"""One conversation from the first word to the last: enter the Lobby, reach the server, say hello, then carry both
directions until one of them, staff or a fault ends it. How messages go is the business of `asking.py` and
`answering.py`.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.adapters.postgres import ending, refusals
from gateway.adapters.postgres.answering import Answering
from gateway.adapters.postgres.asking import Asking, Slow
from gateway.adapters.postgres.cancel import CancelKeys
from gateway.adapters.postgres.catalog import read_catalog
from gateway.adapters.postgres.catalogs import Catalogs
from gateway.adapters.postgres.coming_in import come_in
from gateway.adapters.postgres.encodings import ENCODINGS
from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.ending import EndedByStaff, Ending, Left, ServerGone
from gateway.adapters.postgres.estimate.rows import Estimates
from gateway.adapters.postgres.greeting.greet import Arrived
from gateway.adapters.postgres.in_band import InBand
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.adapters.postgres.upstream.parameters import APPLICATION
from gateway.adapters.postgres.upstream.refusal import ServerRefused
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog
from gateway.core.errors import Denied, Fault, Malformed, Refused, Unreachable
from gateway.core.people import Session
from gateway.session.database.masks import Masks
from gateway.session.database.parser import Parsers
from gateway.session.database.results import ResultDesk
from gateway.session.gate import Gate
from gateway.session.lobby import Lobby
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.messages import (
    BackendKeyData,
    ParameterStatus,
    make_backend_key_data,
    make_parameter_status,
    make_ready,
)
from gateway.wire.postgres.tables import ByServer

log = logging.getLogger("hoop.postgres")

CANCEL_PATIENCE = 5.0
"""Seconds that a cancel request waits for what it is about to reach the server."""
CANCEL_AGAIN = (0.2, 1.0, 3.0)
"""Seconds between one and the next, where what it is about had not reached the server when it came."""
NOTE_EVERY = 10.0
"""Seconds between two entries in the ledger about what was repeated."""
BROKEN_OFF = {"code": "", "message": "broken off"}
ASIDE = "hoop: rows"
"""What the connection calls itself on which statements are planned."""
GREETED = ("psql",)
"""Programs at which people sit: they are told that they are recorded. Others may not expect a notice."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every conversation of a door works with."""

    lobby: Lobby
    dialler: Dialler
    parsers: Parsers
    keys: CancelKeys
    catalogs: Catalogs
    statement_most: int


class PostgresSession:
    """`run` is its only call. It closes the person's end."""

    def __init__(self, around: Surroundings, person: End, arrived: Arrived) -> None:
        self._around = around
        self._person = person
        self._arrived = arrived
        self._tasks: set[asyncio.Task[None]] = set()
        self._talk: Talk | None = None
        self._asking: Asking | None = None

    async def run(self) -> None:
        """Returns when the conversation is over."""
        try:
            gate = await self._entered()
            if gate is not None:
                await self._in(gate)
        finally:
            self._person.close()

    async def _entered(self) -> Gate | None:
        arrived = self._arrived
        about = {
            "pty": False,
            "application": arrived.parameters.get("application_name", ""),
            "protocol": "postgres",
        }
        try:
            return await self._around.lobby.enter(
                arrived.principal, arrived.target, arrived.login, arrived.peer, about
            )
        except Refused as problem:
            log.info("%s may not enter %s: %s", arrived.principal.id, arrived.target, problem.sentence)
            self._last_word(refusals.error("28000", problem.sentence, fatal=True))
        except Fault as problem:
            self._last_word(refusals.error(refusals.OUR_FAULT, problem.sentence, fatal=True))
        return None

    async def _in(self, gate: Gate) -> None:
        how = ending.BY_STAFF
        name = gate.session.target.name
        in_band = InBand(self._arrived.in_band.items(), str(gate.session.target.options.get("hold", "wait")))
        try:
            if gate.lets_in():
                await come_in(self._around.lobby, gate, self._person, in_band)
                how = await self._reach(gate, in_band)
            else:
                self._last_word(
                    refusals.error("28000", f"blocked - no rule lets you do anything on {name}", fatal=True)
                )
                how = ending.BLOCKED
        except Denied as problem:
            self._last_word(refusals.not_let_in(problem, name))
            how = ending.BLOCKED
        except (EndedByStaff, Malformed, Fault, ConnectionResetError) as problem:
            said, how = self._why(gate, problem)
            self._last_word(said)
        finally:
            await self._stop_tasks()
            await self._break_off(gate)
            await gate.close(how.outcome, how.exit)

    async def _break_off(self, gate: Gate) -> None:
        """What is in the middle ends there, and the recording says so, behind all that came of it."""
        talk = self._talk
        if talk is None:
            return
        for entry in talk.flight:
            for results in entry.results:
                if not results.is_done:
                    results.done("", BROKEN_OFF)
        frames, talk.desk.frames = talk.desk.frames, []
        if frames:
            with suppress(Fault):  # the session has ended with it already
                await gate.record(frames)

    async def _reach(self, gate: Gate, in_band: InBand) -> Ending:
        session, arrived = gate.session, self._arrived
        try:
            server = await self._around.dialler.dial(
                session.target, session.login, session.principal.name, arrived.parameters, arrived.protocol
            )
        except Unreachable as problem:
            code = (
                problem.sqlstate
                if isinstance(problem, ServerRefused) and problem.sqlstate
                else refusals.NOT_CONNECTED
            )
            self._last_word(refusals.error(code, problem.sentence, fatal=True))
            return ending.LOST
        keys = self._around.keys
        talk = self._talk = self._make_talk(gate, server)
        talk.in_band = in_band
        talk.began = dict(arrived.parameters)
        estimates = talk.estimates = Estimates(lambda: self._dial_aside(session))

        async def cancel() -> None:
            await self._cancel(server)

        secret = keys.give(server.pid, server.protocol, cancel) if server.secret else b""
        try:
            how = await self._converse(talk, server, secret)
            if how in (ending.BY_STAFF, ending.FAULT) and talk.flight:
                await self._cancel(server)
            return how
        finally:
            await estimates.close()
            if secret:
                keys.take_back(server.pid, secret)
            server.end.close() if isinstance(talk.problem, Left) else server.end.abort()

    def _make_talk(self, gate: Gate, server: Server) -> Talk:
        session = gate.session
        options = session.target.options
        kept = self._around.catalogs.of(
            session.target.name, session.login, lambda: self._read_catalog(session)
        )
        desk = ResultDesk(
            Masks(lambda: talk.known()),
            keep_rows=int(options.get("keep_rows", 1000)),
            keep_bytes=int(options.get("keep_result", 1 << 20)),
        )
        talk = Talk(gate, desk, self._around.parsers, self._person, server.end)
        talk.catalog = kept
        talk.tells_masks = bool(options.get("masked_notice", True)) and self._at_a_terminal
        talk.each_statement = bool(options.get("each_statement", False))
        talk.status = server.status
        talk.plain_strings = server.parameters.get("standard_conforming_strings", "off") == "on"
        desk.encoding = server.parameters.get("client_encoding", "UTF8")
        talk.encoding = ENCODINGS.get(server.parameters.get("client_encoding", "").upper(), "ascii")
        return talk

    @property
    def _at_a_terminal(self) -> bool:
        return self._arrived.parameters.get("application_name", "") in GREETED

    async def _read_catalog(self, session: Session) -> Catalog:
        server = await self._around.dialler.dial(session.target, session.login, "hoop", {}, (3, 0))
        try:
            return await read_catalog(server)
        finally:
            server.end.abort()

    async def _dial_aside(self, session: Session) -> Server:
        """The same server again, with the settings that the session began with."""
        asked = {**self._arrived.parameters, APPLICATION: ASIDE}
        return await self._around.dialler.dial(session.target, session.login, session.principal.name, asked)

    async def _cancel(self, server: Server) -> None:
        """What is held is withdrawn. What is still being judged has to reach the server before it can be cancelled
        there: the server forgets what comes too early."""
        was_early = False
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_PATIENCE):
                if self._asking is not None:
                    was_early = await self._asking.decided()
        talk = self._talk
        if talk is not None and talk.held is not None:
            talk.held.cancel()
            return
        await self._pass_on_cancel(server)
        if was_early and talk is not None and talk.flight:
            self._spawn(self._cancel_again(server, talk))

    async def _cancel_again(self, server: Server, talk: Talk) -> None:
        """A busy server may have begun with it only after the request came. Nothing else is hit by another one."""
        front = talk.flight.front
        for pause in CANCEL_AGAIN:
            await asyncio.sleep(pause)
            if not talk.flight or talk.flight.front is not front:
                return
            await self._pass_on_cancel(server)

    async def _pass_on_cancel(self, server: Server) -> None:
        try:
            await server.cancel()
        except Unreachable as problem:
            log.info("a cancel request did not reach its server: %s", problem.sentence)

    async def _converse(self, talk: Talk, server: Server, secret: bytes) -> Ending:
        asking = self._asking = Asking(talk, self._around.statement_most, self._spawn)
        answering = Answering(talk, asking, server.called, self._spawn)
        self._person.write(self._hello(talk.gate, server, secret))
        self._person.when_room(answering.room)
        server.end.when_room(asking.room)
        if server.rest:
            answering.receive(server.rest)
        server.end.take_over(answering.receive)
        if self._arrived.rest:
            asking.receive(self._arrived.rest)
        self._person.take_over(asking.receive)
        self._spawn(self._watch(talk))
        self._spawn(self._pass_on_words(talk))
        self._spawn(self._note_repeats(talk))
        await talk.over.wait()
        return await self._explain(talk)

    def _hello(self, gate: Gate, server: Server, secret: bytes) -> bytes:
        said = [
            make_parameter_status(ParameterStatus(name, value)) for name, value in server.parameters.items()
        ]
        if secret:
            said.append(make_backend_key_data(BackendKeyData(server.pid, secret)))
        said += [frame(ByServer.NOTICE, body) for body in server.notices]
        if self._at_a_terminal:
            session = gate.session
            where = session.target.labels.get("env", "")
            place = f"{session.target.name} ({where.upper()})" if where else session.target.name
            text = f"you are {session.principal.name} on {place} - this session is recorded ({session.id})"
            said.append(refusals.notice(text))
        return b"".join((*said, make_ready(server.status)))

    def _spawn(self, work: Slow | Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="postgres session")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None and self._talk is not None:
            self._talk.fail(problem)

    async def _stop_tasks(self) -> None:
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks))

    async def _watch(self, talk: Talk) -> None:
        await talk.gate.ended.wait()
        talk.fail(EndedByStaff())

    async def _pass_on_words(self, talk: Talk) -> None:
        while True:
            await talk.tell(await talk.gate.steering.next_words())

    async def _note_repeats(self, talk: Talk) -> None:
        while True:
            await asyncio.sleep(NOTE_EVERY)
            await talk.gate.note_repeats()

    async def _explain(self, talk: Talk) -> Ending:
        """Tell the person why, where they are still there, and how it is to be written down."""
        if talk.held is not None:
            talk.held.cancel()
        await self._stop_tasks()
        said, how = self._why(talk.gate, talk.problem)
        if said:
            if talk.is_cut:
                self._person.abort()  # nothing can be said within a row
            else:
                self._last_word(said)
        return how

    def _why(self, gate: Gate, problem: BaseException | None) -> tuple[bytes, Ending]:
        match problem:
            case Left():
                return b"", ending.DONE
            case ServerGone():
                return b"", ending.SERVER_GONE
            case EndedByStaff():
                why = gate.ended_because
                if why.startswith("hoop: "):
                    return refusals.error(refusals.OUR_FAULT, why, fatal=True), ending.FAULT
                said = f"ended {why}" if why.startswith("by ") else f"ended - {why}"
                return refusals.error(refusals.TERMINATED, said, fatal=True), ending.BY_STAFF
            case Fault():
                return refusals.error(refusals.OUR_FAULT, problem.sentence, fatal=True), ending.FAULT
            case Malformed():
                said = f"ended - the protocol was broken: {problem.sentence}"
                return refusals.error(refusals.BROKEN_PROTOCOL, said, fatal=True), ending.BROKEN
            case OSError():
                return b"", ending.LEFT
        log.error("session %s failed", gate.session.id, exc_info=problem)
        gate.fail("ended - the gateway failed inside, so nothing passes any more")
        said = "ended - the gateway failed inside, so nothing passes any more"
        return refusals.error(refusals.OUR_FAULT, said, fatal=True), ending.FAULT

    def _last_word(self, said: bytes) -> None:
        self._person.write(said)
        self._person.close()
