"""The conversation of one session channel, from what was asked to how it ended.

Enter the Lobby, greet, admit, dial, relay: in this order, so that nothing of a person's reaches a target before it is
admitted and written down. Only the gateway itself may look there before, into files that would be run. It knows when
things happen; bytes are relay.py's business. Next in the reading path: `gateway/app/house.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from gateway.adapters.ssh import ending, only_commands
from gateway.adapters.ssh.agent.forwarding import AgentForwarding
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.files.command import FileSession
from gateway.adapters.ssh.files.recognise import FileCommand, recognise
from gateway.adapters.ssh.forward.notices import Notices
from gateway.adapters.ssh.inside import Inside, Spawn, operation
from gateway.adapters.ssh.login_name import LoginName
from gateway.adapters.ssh.person import PersonLeft, PersonSide
from gateway.adapters.ssh.questions import Questions, Said
from gateway.adapters.ssh.relay import Relay
from gateway.adapters.ssh.sftp.session import SUBSYSTEM, SftpSession
from gateway.adapters.ssh.shell import ShellRelay
from gateway.adapters.ssh.target.far_side import FarSide
from gateway.adapters.ssh.target.lookout import Lookout
from gateway.adapters.ssh.upstream import Dialler
from gateway.core.errors import Denied, Fault, Refused, Unreachable
from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Target
from gateway.core.plain import sentence
from gateway.core.shown import Stream
from gateway.session.answering import Dialogue
from gateway.session.gate import Gate, Permit
from gateway.session.lobby import Lobby
from gateway.session.words import instead

log = logging.getLogger("hoop.ssh")

KIND = "ssh"

Changed = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has signed in, and the name they signed in with."""

    principal: Principal
    login: LoginName
    peer: Peer
    notices: Notices = field(default_factory=Notices)
    """What is said to them besides a session's own words."""
    said: Said = field(default_factory=Said)
    """What they have said to those who are asked."""


class EndedByStaff(Exception):
    """The Gate was ended from outside."""


class Interrupted(Exception):
    """The person pressed Ctrl-C while their request was held."""


class SshSession:
    """One session channel. `run` is its only task's only call."""

    def __init__(
        self,
        visitor: Visitor,
        person: PersonSide,
        asked: Asked,
        lobby: Lobby,
        dialler: Dialler,
        find: Callable[[str], Target | None],
        inside: Mapping[str, Inside],
        spawn: Spawn,
    ) -> None:
        """`find` asks the inventory. `inside`: by kind of target, what runs in the gateway for those that have no
        SSH; `spawn` is for that."""
        self._visitor = visitor
        self._person = person
        self._asked = asked
        self._lobby = lobby
        self._dialler = dialler
        self._find = find
        self._programs = inside
        self._spawn = spawn

    async def run(self) -> None:
        """Returns when the channel is closed toward the person. Never raises but when cancelled."""
        login = self._visitor.login
        try:
            gate = await self._lobby.enter(
                self._visitor.principal,
                login.target,
                login.account,
                self._visitor.peer,
                self._asked.about,
                kind=self._kind(login.target),
            )
        except (Refused, Fault) as problem:
            log.info("%s may not enter %s: %s", self._visitor.principal.id, login, problem.sentence)
            self._shout(problem.sentence)
            self._person.leave_with(ending.STOPPED if isinstance(problem, Refused) else ending.NOT_RECORDED)
            return
        self._questions = Questions(gate, self._person, self._asked, self._visitor.said)
        how = ending.BY_STAFF  # what it is when the gateway stops and cancels us
        try:
            async with self._visitor.notices.heard_by(lambda text: self._aside(gate, text)):
                how = await self._converse(gate)
        finally:
            try:
                await gate.close(how.outcome, how.exit)
            finally:
                if how.signal is not None:
                    self._person.leave_by_signal(*how.signal)
                else:
                    self._person.leave_with(how.status)
                if how in (ending.BY_STAFF, ending.FAULT):
                    await self._person.part()

    def _kind(self, name: str) -> str:
        target = self._find(name)
        program = self._programs.get(target.kind) if target is not None else None
        return program.kind if program is not None else KIND

    async def _converse(self, gate: Gate) -> Ending:
        try:
            async with asyncio.TaskGroup() as tasks:
                watchers = [
                    tasks.create_task(_raise_when(self._person.left, PersonLeft())),
                    tasks.create_task(_raise_when(gate.ended, EndedByStaff())),
                    tasks.create_task(self._pass_on_words(gate)),
                ]
                how = await self._through(gate, tasks)
                for watcher in watchers:
                    watcher.cancel()
            return how
        except ExceptionGroup as problems:
            return await self._explain(gate, _gravest(problems))

    async def _through(self, gate: Gate, tasks: asyncio.TaskGroup) -> Ending:
        target = self._find(gate.session.target.name)
        if target is None or target.kind != KIND:
            return await self._inside(gate, tasks, target)
        self._asked = await self._narrowed(gate)
        interrupt = tasks.create_task(_raise_when(self._person.interrupted, Interrupted()))
        await self._welcomed(gate)
        if self._asked.verb == "shell" and self._asked.terminal is not None:
            await self._greet(gate)
        if self._asked.verb == "exec" and self._asked.terminal is None:
            transfer = recognise(self._asked.text)
            if transfer is not None:
                how = await self._transfer(gate, transfer)
                interrupt.cancel()
                return how
        if self._asked.verb == "subsystem" and self._asked.text == SUBSYSTEM:
            how = await self._sftp(gate)
            interrupt.cancel()
            return how
        async with Lookout(gate, self._dialler, self._asked) as lookout:
            permit = await self._this_or_instead(gate, lookout)
            interrupt.cancel()
            if self._asked.verb == "subsystem":
                return await self._no_subsystem(gate)
            return await self._run(gate, permit, lookout)

    async def _admitted_as_seen(self, gate: Gate, lookout: Lookout) -> Permit:
        """Judged with the files that it runs, and the same files once it may run."""
        operation = self._asked.operation
        if self._asked.verb == "exec":
            operation = await lookout.looked_into(operation)
        permit = await self._admitted(gate, operation, changed=partial(lookout.why_changed, operation))
        await lookout.must_be_same(operation, approved=bool(permit.request))
        return permit

    async def _inside(self, gate: Gate, tasks: asyncio.TaskGroup, target: Target | None) -> Ending:
        """The target has no SSH, but there may be a program for it here."""
        asked = self._asked
        program = self._programs.get(target.kind) if target is not None else None
        if target is None or program is None:
            await self._say(gate, f'there is no target "{gate.session.target.name}" for you over SSH')
            return ending.BLOCKED
        if asked.verb == "subsystem":
            return await self._no_subsystem(gate)
        if why := await program.why_not(gate.session, target, asked):
            await self._say(gate, why)
            return ending.BLOCKED
        if asked.verb == "shell" and asked.terminal is not None:
            await self._greet(gate)
        interrupt = tasks.create_task(_raise_when(self._person.interrupted, Interrupted()))
        permit = await self._admitted(gate, operation(program, asked))
        interrupt.cancel()
        async with program.start(gate.session, target, asked, self._spawn) as running:
            try:
                return await self._relay(gate, permit, running, program=program)
            finally:
                if program.undo and running.status is None:
                    self._undo(gate, program.undo)

    def _undo(self, gate: Gate, data: bytes) -> None:
        """So that what follows can be read; it is shown also where it can not be recorded any more."""
        with suppress(Fault):
            gate.record_at_once([(FrameKind.OUTPUT, data)])
        self._person.show(Stream.OUT, data)

    async def _narrowed(self, gate: Gate) -> Asked:
        """What was asked, as far as the target takes it at all. Raises `Denied`."""
        try:
            return only_commands.narrowed(gate.session.target, self._asked)
        except only_commands.NotOffered as problem:
            raise await gate.refuse(self._asked.operation, only_commands.RULE, str(problem)) from None

    async def _welcomed(self, gate: Gate) -> None:
        """Return when the session may reach its target."""
        try:
            await self._lobby.welcome(gate, self._notice(gate))
        finally:
            self._person.watch_for_interrupt = False

    async def _admitted(
        self, gate: Gate, operation: Operation, *, maskable: bool = True, changed: Changed | None = None
    ) -> Permit:
        try:
            return await gate.admit(operation, self._notice(gate, changed), maskable=maskable)
        finally:
            self._person.watch_for_interrupt = False

    async def _this_or_instead(self, gate: Gate, lookout: Lookout) -> Permit:
        """What was asked; or another command, which the person has accepted while it was held. That one is narrowed
        and admitted as if it had been asked: what people have said of the first says nothing about it."""
        while True:
            try:
                return await self._admitted_as_seen(gate, lookout)
            except Denied as problem:
                if (
                    not problem.instead
                    or self._asked.verb != "exec"
                    or recognise(problem.instead) is not None
                ):
                    raise
                self._asked = replace(self._asked, text=problem.instead)
                await self._say(gate, instead(problem.request))
                self._asked = await self._narrowed(gate)

    def _notice(self, gate: Gate, changed: Changed | None = None) -> Dialogue:
        """For as long as something is held."""

        async def say(text: str) -> None:
            self._person.watch_for_interrupt = True
            if self._asked.verb == "subsystem":  # sftp itself catches Ctrl-C, and waits on
                text = text.replace("Ctrl-C withdraws", "Ctrl-\\ withdraws")
            await self._say(gate, text)

        return Dialogue(say, lambda required: self._questions.answers(required, Stream.ERR), changed)

    async def _run(self, gate: Gate, permit: Permit, lookout: Lookout) -> Ending:
        agents = AgentForwarding(gate, self._person, lambda text: self._aside(gate, text), self._asked)
        async with agents:
            reached = await lookout.reach()
            reached.connection.incoming = agents.incoming
            target = await reached.begin(agents.asked, self._asked.terminal)
            return await self._relay(gate, permit, target, lookout)

    async def _relay(
        self,
        gate: Gate,
        permit: Permit,
        target: FarSide,
        lookout: Lookout | None = None,
        program: Inside | None = None,
    ) -> Ending:
        target.obey(gate.inflow)
        if self._asked.terminal is not None and (program is None or program.types_lines):
            shell = ShellRelay(
                gate,
                permit,
                self._person,
                target,
                self._asked.terminal,
                self._questions,
                lookout,
                judged=program is None,
            )
            return await shell.run(terminal=True)
        relay = Relay(gate, permit, self._person, target)
        return await relay.run(terminal=self._asked.terminal is not None)

    async def _transfer(self, gate: Gate, command: FileCommand) -> Ending:
        admit = partial(self._admitted, gate)
        return await FileSession(gate, command, self._asked, self._person, self._dialler, admit).run()

    async def _sftp(self, gate: Gate) -> Ending:
        admit = partial(self._admitted, gate)
        return await SftpSession(gate, self._person, self._dialler, admit, self._asked.environment).run()

    async def _greet(self, gate: Gate) -> None:
        session = gate.session
        where = session.target.labels.get("env", "")
        place = f"{session.target.name} ({where.upper()})" if where else session.target.name
        await self._say(gate, f"you are {session.principal.name} on {place} - recorded as {session.id}")

    async def _no_subsystem(self, gate: Gate) -> Ending:
        await self._say(gate, f"{self._asked.text} is not offered on this gateway")
        return ending.BLOCKED

    async def _explain(self, gate: Gate, problem: Exception) -> Ending:
        """Tell the person why, where they are still there, and how it is to be written down."""
        match problem:
            case PersonLeft():
                return ending.LEFT
            case Denied():
                await self._last_words(gate, problem.sentence)
                return ending.by_denial(problem)
            case EndedByStaff() if gate.ended_because.startswith("hoop: "):
                # The gate ended itself: it has failed and records no more.
                self._shout(gate.ended_because, own_line=gate.has_shown)
                return ending.FAULT
            case EndedByStaff():
                await self._last_words(gate, _ended(gate.ended_because))
                return ending.BY_STAFF
            case Interrupted():
                await self._last_words(gate, "ended - withdrawn, nothing was run")
                return ending.WITHDRAWN
            case Unreachable():
                await self._last_words(gate, problem.sentence)
                return ending.LOST
            case Fault():
                self._shout(problem.sentence, own_line=gate.has_shown)
                return ending.FAULT
        log.error("session %s failed", gate.session.id, exc_info=problem)
        await self._last_words(gate, "ended - the gateway failed inside, so nothing passes any more")
        return ending.FAULT

    async def _pass_on_words(self, gate: Gate) -> None:
        """What staff do to this session, said to the person as soon as they read."""
        while True:
            text = await gate.steering.next_words()
            await self._person.clear()
            self._person.show(Stream.ERR, await gate.tell(text, own_line=True))

    async def _last_words(self, gate: Gate, text: str) -> None:
        """The target may have been in the middle of a line."""
        try:
            self._person.show(Stream.ERR, await gate.tell(text, own_line=gate.has_shown))
        except Fault:
            self._shout(text, own_line=gate.has_shown)

    async def _aside(self, gate: Gate, text: str) -> None:
        """Words of ours in the middle of something else."""
        self._person.show(Stream.ERR, await gate.tell(text, own_line=True))

    async def _say(self, gate: Gate, text: str) -> None:
        """Words of ours, recorded before they are shown."""
        self._person.show(Stream.ERR, await gate.tell(text))

    def _shout(self, text: str, *, own_line: bool = False) -> None:
        """Words of ours where no recording can hold them."""
        line = sentence(text.removeprefix("hoop: ")).encode()
        if self._asked.terminal is None:
            self._person.show(Stream.ERR, line + b"\n")
        else:
            self._person.show(Stream.ERR, (b"\r\n" if own_line else b"") + line + b"\r\n")


async def _raise_when(event: asyncio.Event, problem: Exception) -> None:
    await event.wait()
    raise problem


def _ended(why: str) -> str:
    return f"ended {why}" if why.startswith("by ") else f"ended - {why}"


_GRAVITY: tuple[type[Exception], ...] = (Fault, Denied, PersonLeft, EndedByStaff, Interrupted, Unreachable)


def _gravest(problems: BaseExceptionGroup[BaseException]) -> Exception:
    """Of what happened at the same moment, what the session is said to have ended by. Surprises come first."""
    flat: list[Exception] = []
    for problem in problems.exceptions:
        if isinstance(problem, BaseExceptionGroup):
            flat.append(_gravest(problem))
        elif isinstance(problem, Exception):
            flat.append(problem)
    return min(flat, key=_rank)


def _rank(problem: Exception) -> int:
    return next((rank for rank, kind in enumerate(_GRAVITY) if isinstance(problem, kind)), -1)
