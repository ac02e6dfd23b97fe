"""The session of all forwards of one connection: one Gate, one recording, one connection to the target.

It begins with the first forward and ends with the person's connection, with the target's, or by staff. Jobs are
what clients and targets ask of it; whatever becomes of a job, it is answered.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from asyncssh.constants import DISC_BY_APPLICATION, OPEN_ADMINISTRATIVELY_PROHIBITED, OPEN_CONNECT_FAILED
from asyncssh.misc import ChannelOpenError

from gateway.adapters.ssh import ending, only_commands
from gateway.adapters.ssh.connection import PersonConnection, TargetConnection
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.forward.end import FlowChannel, flow_again
from gateway.adapters.ssh.forward.flow import KEEP
from gateway.adapters.ssh.forward.incoming import Incoming
from gateway.adapters.ssh.person import PersonLeft
from gateway.adapters.ssh.session import KIND, EndedByStaff, Visitor
from gateway.adapters.ssh.target.credential import on_behalf_of
from gateway.adapters.ssh.upstream import PORTS, Dialler
from gateway.core.errors import Denied, Fault, Refused, Unreachable
from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.plain import plain, sentence
from gateway.session.answering import Dialogue
from gateway.session.gate import Gate
from gateway.session.lobby import Lobby

log = logging.getLogger("hoop.ssh")

ABOUT = {"command": "", "pty": False, "verb": "forward"}


class Job(Protocol):
    """Something to do within the session."""

    async def run(self, session: "ForwardSession") -> None:
        """Raises `Denied`, `Unreachable`, `ChannelOpenError` or `Fault`; `refuse` is called then."""
        ...

    def refuse(self, code: int, words: str) -> None:
        """Answer whoever waits. Does nothing once they have their answer."""
        ...


class ForwardSession:
    """`run` is a task of its own. `take` gives it a job, as long as it is not `over`."""

    gate: Gate

    def __init__(
        self,
        visitor: Visitor,
        connection: PersonConnection,
        lobby: Lobby,
        dialler: Dialler,
        incoming: Incoming,
        held: Callable[[], None],
    ) -> None:
        """`held` is called when everything of it has to wait for people."""
        self.visitor = visitor
        self.person = connection
        self.left = asyncio.Event()
        self.over = False
        self.barred = ""
        """It was ended by staff or may not be, with these words: the same connection gets no other."""
        self._lobby = lobby
        self._dialler = dialler
        self._incoming = incoming
        self._held = held
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._doing: set[Job] = set()
        self._tasks: asyncio.TaskGroup
        self._reached: asyncio.Future[TargetConnection] | None = None
        self._why = "ended - the connection is gone"
        self._code = OPEN_CONNECT_FAILED
        self._flows = 0
        self._stopped: Ending | None = None
        """How the first job was stopped, while none has got through."""
        self._carried = False

    @property
    def load(self) -> int:
        """Jobs that are not done, open connections among them."""
        return len(self._doing) + self._jobs.qsize()

    def take(self, job: Job) -> None:
        """Do this, beside everything else."""
        self._jobs.put_nowait(job)

    async def run(self) -> None:
        """Returns when the session is over and every job is answered."""
        try:
            await self._enter()
        finally:
            self._finish()

    async def _enter(self) -> None:
        login = self.visitor.login
        try:
            self.gate = await self._lobby.enter(
                self.visitor.principal, login.target, login.account, self.visitor.peer, ABOUT
            )
        except (Refused, Fault) as problem:
            log.info("%s may not enter %s: %s", self.visitor.principal.id, login, problem.sentence)
            self._why = problem.sentence
            return
        how = ending.BY_STAFF  # what it is when the gateway stops and cancels us
        try:
            how = await self._serve()
        finally:
            self._finish()
            await self.gate.close(how.outcome, how.exit)

    # What jobs use.

    @property
    def cap(self) -> int:
        """Bytes of one direction of a forwarded connection that are recorded."""
        cap = self.gate.session.target.options.get("keep_forwards")
        return KEEP if cap is None else int(cap)

    def next_number(self) -> int:
        """The number of one more forwarded connection."""
        self._flows += 1
        return self._flows

    async def admit(self, operation: Operation, held: Callable[[], None] = lambda: None) -> None:
        """As `Gate.admit`, for bytes that nothing can be masked in. Calls `held` when people have to decide."""
        target = self.gate.session.target
        if not only_commands.allows_forwarding(target):
            reason = f"nothing is forwarded to or from {target.name}"
            raise await self.gate.refuse(operation, only_commands.RULE, reason)
        await self.gate.admit(operation, self._notice(held), maskable=False)

    def _notice(self, held: Callable[[], None]) -> Dialogue:
        async def wait(words: str) -> None:
            held()
            await self.tell(words)

        return Dialogue(wait, self._answers)

    async def _answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        """What a session over the same connection has said beforehand: here nobody can be asked."""
        return {name: text for name, text in self.visitor.said.before.items() if name in required}

    async def target(self) -> TargetConnection:
        """The connection to the target, made for the first who needs it. Raises `Unreachable`."""
        if self._reached is None:
            self._reached = asyncio.get_running_loop().create_future()
            self._tasks.create_task(self._reach(self._reached))
        return await asyncio.shield(self._reached)

    async def mark(self, text: str, **facts: object) -> None:
        """Note in the recording what is not itself a forwarded connection."""
        mark = {"kind": "forward", "text": text, **facts}
        await self.gate.observe(FrameKind.MARK, json.dumps(mark).encode())

    async def tell(self, text: str) -> None:
        """Words of ours to the person, wherever they can be shown."""
        await self.gate.tell(text)
        await self.visitor.notices.tell(self.person, text)

    # How it goes on.

    async def _serve(self) -> Ending:
        target = self.gate.session.target
        if target.kind != KIND:
            self._why = f'there is no target "{target.name}" for you over SSH'
            return ending.BLOCKED
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(_raise_after(self.left.wait(), PersonLeft()))
                self._tasks.create_task(_raise_after(self.gate.ended.wait(), EndedByStaff()))
                self._tasks.create_task(self._pass_on_words())
                if only_commands.allows_forwarding(target):  # else nothing will be connected to
                    await self._lobby.welcome(self.gate, self._notice(self._held))
                while True:
                    self._tasks.create_task(self._do(await self._jobs.get()))
        except ExceptionGroup as problems:
            return await self._explain(problems)

    async def _do(self, job: Job) -> None:
        self._doing.add(job)
        try:
            await job.run(self)
            self._carried = True
        except Denied as problem:
            self._stopped = self._stopped or ending.by_denial(problem)
            job.refuse(OPEN_ADMINISTRATIVELY_PROHIBITED, problem.sentence)
        except Unreachable as problem:
            self._stopped = self._stopped or ending.LOST
            job.refuse(OPEN_CONNECT_FAILED, problem.sentence)
        except ChannelOpenError as problem:
            self._carried = True
            reason = plain(problem.reason, 100) or "it did not say why"
            job.refuse(
                OPEN_CONNECT_FAILED, f"{self.gate.session.target.name} could not connect there - {reason}"
            )
        self._doing.discard(job)  # not when cancelled: then `_finish` knows why

    async def _reach(self, reached: asyncio.Future[TargetConnection]) -> None:
        """Hold the connection to the target. Without it nothing here can go on, so its loss ends the session."""
        session = self.gate.session
        try:
            who = on_behalf_of(session)
            async with self._dialler.reach(session.target, session.login, who, PORTS) as there:
                there.connection.incoming = self._incoming
                self.gate.inflow.when_opened(lambda: flow_again(there.connection))
                reached.set_result(there.connection)
                await there.connection.wait_closed()
        except Unreachable as problem:
            self._reached = None  # the next one tries again
            reached.set_exception(problem)
            reached.exception()
            return
        raise Unreachable(f"ended - the connection to {session.target.name} was lost")

    async def _pass_on_words(self) -> None:
        """What staff do to this session."""
        while True:
            await self.tell(await self.gate.steering.next_words())

    # How it ends.

    async def _explain(self, problems: ExceptionGroup[Exception]) -> Ending:
        expected = (Fault, PersonLeft, EndedByStaff, Unreachable, Denied)
        surprises = problems.split(expected)[1]
        if surprises is not None:
            log.error("session %s failed", self.gate.session.id, exc_info=surprises)
            return await self._part(
                "ended - the gateway failed inside, so nothing passes any more", ending.FAULT
            )
        fault = self.gate.ended_because.startswith("hoop: ")
        if fault or problems.subgroup(Fault) is not None:
            return await self._part(_first(problems, Fault) or self.gate.ended_because, ending.FAULT)
        if problems.subgroup(PersonLeft) is not None:
            return ending.LEFT if self._carried or self._stopped is None else self._stopped
        if problems.subgroup(EndedByStaff) is not None:
            why = self.gate.ended_because
            self.barred = f"ended {why}" if why.startswith("by ") else f"ended - {why}"
            self._code = OPEN_ADMINISTRATIVELY_PROHIBITED
            return await self._part(self.barred, ending.BY_STAFF)
        if kept_out := problems.subgroup(Denied):
            return await self._kept_out(
                next(each for each in kept_out.exceptions if isinstance(each, Denied))
            )
        return await self._part(_first(problems, Unreachable), ending.LOST)

    async def _kept_out(self, problem: Denied) -> Ending:
        """They may not come in. Nothing was connected to, and everything that waited is refused with the reason."""
        self._why, self._code = problem.sentence, OPEN_ADMINISTRATIVELY_PROHIBITED
        if problem.state in ("blocked", "denied"):
            self.barred = problem.sentence
        try:
            await self.tell(problem.sentence)
        except Fault:
            return ending.FAULT
        return ending.by_denial(problem)

    async def _part(self, words: str, how: Ending) -> Ending:
        """Say why. A connection that carries nothing but forwards is of no more use: better it ends than it seems to
        be there, so that the client says the reason and whoever watches over it can connect anew."""
        self._why = words
        try:
            await self.gate.tell(words)
        except Fault:
            log.info("session %s: not recorded any more: %s", self.gate.session.id, words)
        channels = list(self.person._channels.values())
        if all(isinstance(channel, FlowChannel) for channel in channels):
            hang_up(self.person, sentence(words.removeprefix("hoop: ")))
            return how
        await self.visitor.notices.tell(self.person, words)
        for channel in channels:
            if isinstance(channel, FlowChannel):
                channel.abort()
        return how

    def _finish(self) -> None:
        self.over = True
        while not self._jobs.empty():
            self._doing.add(self._jobs.get_nowait())
        for job in self._doing:
            job.refuse(self._code, self._why)
        self._doing.clear()


def _first(problems: ExceptionGroup[Exception], kind: type[Fault] | type[Unreachable]) -> str:
    """The sentence of the first problem of a kind, however deep in the group."""
    for problem in problems.exceptions:
        if isinstance(problem, kind):
            return problem.sentence
        if isinstance(problem, ExceptionGroup) and (found := _first(problem, kind)):
            return found
    return ""


def hang_up(connection: PersonConnection, words: str) -> None:
    """As asyncssh's `disconnect`, but without closing channels before: `ssh -W` would leave and not read why."""
    if not connection.broken:
        connection._send_disconnect(DISC_BY_APPLICATION, words, "en")
        connection._force_close(None)


async def _raise_after(waited_for: Awaitable[object], problem: Exception) -> None:
    await waited_for
    raise problem
