"""A session channel whose command is a file transfer: reach the target, admit, run the program, see it to its end.

The commands are those of `recognise.py`; what passes is the business of `scp.py` and `stream.py`.
"""

import asyncio
from typing import Protocol

from gateway.adapters.ssh import ending
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.files.ends import PersonEnd, TargetEnd
from gateway.adapters.ssh.files.paths import TargetPaths
from gateway.adapters.ssh.files.places import Places
from gateway.adapters.ssh.files.recognise import FileCommand
from gateway.adapters.ssh.files.scp import ScpTalk, counted
from gateway.adapters.ssh.files.stream import Stream, operations
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.target.channel import TargetSide
from gateway.adapters.ssh.target.credential import on_behalf_of
from gateway.adapters.ssh.upstream import Dialler, Reached
from gateway.core.errors import Malformed, Unreachable
from gateway.core.operation import Operation
from gateway.session.gate import Gate, Permit
from gateway.wire.scp import Complaint


class Admit(Protocol):
    """Has the Gate decide, and shows the person that their operation is held."""

    async def __call__(self, operation: Operation, *, maskable: bool = True) -> Permit: ...


class FileSession:
    """One transfer. `run` returns how it ended."""

    def __init__(
        self,
        gate: Gate,
        command: FileCommand,
        asked: Asked,
        person: PersonSide,
        dialler: Dialler,
        admit: Admit,
    ) -> None:
        self._gate = gate
        self._command = command
        self._asked = Asked("exec", command.line, None, asked.environment)
        self._person = person
        self._end = PersonEnd(gate, person)
        self._dialler = dialler
        self._admit = admit
        self._tending: asyncio.Task[None] | None = None

    async def run(self) -> Ending:
        """Raises `Denied` where nothing may be carried, and `Unreachable`."""
        session = self._gate.session
        async with (
            self._dialler.reach(session.target, session.login, on_behalf_of(session)) as reached,
            TargetPaths.beside(reached.connection) as paths,
        ):
            if self._command.program == "scp":
                return await self._scp(reached, paths)
            return await self._stream(reached, paths)

    async def _admitted(self, operation: Operation) -> Permit:
        return await self._admit(operation, maskable=operation.verb != "download")

    async def _start(self, reached: Reached, permit: Permit, tasks: asyncio.TaskGroup) -> TargetEnd:
        side = await reached.begin(self._asked, None)
        side.obey(self._gate.inflow)
        target = TargetEnd(self._gate, permit, self._person, side)
        self._tending = tasks.create_task(self._tend(target))
        return target

    async def _tend(self, target: TargetEnd) -> None:
        await target.tend()
        if self._command.direction == "upload":
            self._end.stop()

    async def _stream(self, reached: Reached, paths: TargetPaths) -> Ending:
        permits = [await self._admitted(operation) async for operation in operations(self._command, paths)]
        paths.stop()
        resolved = permits[0].operation.details["resolved"] if len(self._command.paths) == 1 else ""
        async with asyncio.TaskGroup() as tasks:
            target = await self._start(reached, permits[0], tasks)
            await Stream(self._gate, self._command, resolved, self._end, target).carry()
        return await self._ended(target.side)

    async def _scp(self, reached: Reached, paths: TargetPaths) -> Ending:
        places = Places(self._command, paths)
        async with asyncio.TaskGroup() as tasks:

            async def start(permit: Permit) -> TargetEnd:
                return await self._start(reached, permit, tasks)

            talk = ScpTalk(self._gate, self._command, places, self._end, self._admitted, start)
            try:
                await talk.run()
            except Malformed as problem:
                if self._tending is not None:
                    self._tending.cancel()
                return await self._given_up(problem)
            if talk.target is not None:
                talk.target.finish()
        return counted(
            talk.tally, await self._ended(talk.target.side) if talk.target else ending.by_status(0)
        )

    async def _given_up(self, problem: Malformed) -> Ending:
        """Somebody broke the protocol: its last word is ours."""
        said = await self._gate.tell(f"ended - {problem.sentence}")
        await self._end.write(Complaint(said.rstrip(b"\n"), fatal=True).line())
        await self._person.drained()
        return ending.by_status(1)

    async def _ended(self, side: TargetSide) -> Ending:
        if side.lost:
            raise Unreachable(
                f"the connection to {self._gate.session.target.name} was lost - what ran there may go on"
            )
        self._person.end_output()
        await self._person.drained()
        if side.signal is not None:
            return ending.by_signal(side.signal)
        return ending.SILENT if side.status is None else ending.by_status(side.status)
