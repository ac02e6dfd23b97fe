"""A session channel that speaks SFTP: to the target's server and back, each request judged on its own.

Opening it needs no permission: it is only a way of speech. Who may do what to which file is decided request by
request (`requests.py`, `judged.py`); this knows when it begins and how it ends.
"""

import asyncio
from collections.abc import Mapping

from gateway.adapters.ssh import ending
from gateway.adapters.ssh.asked import Asked, Signal
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.files.command import Admit
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.sftp.answers import Answers, ErrorOutput
from gateway.adapters.ssh.sftp.exchange import Exchange
from gateway.adapters.ssh.sftp.judged import Judged
from gateway.adapters.ssh.sftp.open import OpenFiles
from gateway.adapters.ssh.sftp.paths import Paths
from gateway.adapters.ssh.sftp.replies import TargetReplies
from gateway.adapters.ssh.sftp.requests import ClientRequests
from gateway.adapters.ssh.target.channel import TargetSide
from gateway.adapters.ssh.target.credential import on_behalf_of
from gateway.adapters.ssh.upstream import Dialler, Reached
from gateway.core.errors import Denied, Malformed, Unreachable
from gateway.core.shown import Stream
from gateway.session.gate import Gate

SUBSYSTEM = "sftp"


class SftpSession:
    """One conversation. `run` returns how it ended."""

    def __init__(
        self,
        gate: Gate,
        person: PersonSide,
        dialler: Dialler,
        admit: Admit,
        environment: Mapping[bytes, bytes],
    ) -> None:
        self._gate = gate
        self._person = person
        self._dialler = dialler
        self._admit = admit
        self._asked = Asked("subsystem", SUBSYSTEM, None, environment)
        self._files = OpenFiles()
        self._name = gate.session.target.name
        self._heard_all = False
        """The client has said that nothing more will come from it."""

    async def run(self) -> Ending:
        """Raises `Unreachable`, `Denied` for a client that breaks the protocol, and `Fault`."""
        session = self._gate.session
        async with self._dialler.reach(session.target, session.login, on_behalf_of(session)) as reached:
            side = await reached.begin(self._asked, None)
            side.obey(self._gate.inflow)
            try:
                return await self._converse(reached, side)
            finally:
                await self._files.cut(self._why_cut(side))

    async def _converse(self, reached: Reached, side: TargetSide) -> Ending:
        exchange = Exchange(self._gate, side)
        answers = Answers(self._gate, self._person)
        errors = ErrorOutput(self._gate, self._person)
        is_openssh = "OpenSSH" in str(reached.connection.get_extra_info("server_version", ""))
        paths = Paths(exchange, is_openssh=is_openssh)
        judged = Judged(self._gate, self._admit, exchange, answers, errors, paths, self._files)
        requests = ClientRequests(self._gate, exchange, answers, judged, paths, self._files)
        replies = TargetReplies(self._gate, exchange, answers)
        async with asyncio.TaskGroup() as pumps:
            beside = [
                pumps.create_task(self._toward_target(requests, side)),
                pumps.create_task(self._signals(side)),
            ]
            await self._toward_person(replies, errors, side)
            for task in beside:
                task.cancel()
        return await self._ended(side, begun=replies.begun)

    async def _toward_target(self, requests: ClientRequests, side: TargetSide) -> None:
        try:
            while (piece := await self._person.inbox.take()) is not None:
                await requests.receive(piece[1])
        except Malformed as problem:
            raise Denied(
                f"ended - your client does not speak SFTP as it should ({problem.sentence})",
                state="ended",
                rule="",
            ) from problem
        self._heard_all = True
        side.end_input()

    async def _toward_person(self, replies: TargetReplies, errors: ErrorOutput, side: TargetSide) -> None:
        while True:
            try:
                async with asyncio.timeout_at(errors.due):
                    piece = await side.inbox.take()
            except TimeoutError:
                await errors.overdue()
                continue
            if piece is None:
                break
            if piece[0] is Stream.ERR:
                await errors.heard(piece[1])
                continue
            try:
                await replies.receive(piece[1])
            except Malformed as problem:
                why = f"ended - {self._name} does not speak SFTP as it should ({problem.sentence})"
                hint = "" if replies.begun else " - does a login script of its account print something?"
                raise Unreachable(why + hint) from problem
        await errors.end()
        await side.closed.wait()

    async def _signals(self, side: TargetSide) -> None:
        while True:
            control = await self._person.next_control()
            if isinstance(control, Signal):
                await self._gate.inflow.opened()
                side.control(control)

    async def _ended(self, side: TargetSide, *, begun: bool) -> Ending:
        if side.lost:
            raise Unreachable(
                f"the connection to {self._name} was lost - look whether your last file is whole"
            )
        if not begun and side.status not in (0, None):
            raise Unreachable(f"{self._name} does not offer SFTP")
        await self._files.finish("not closed by the client" if self._heard_all else f"{self._name} hung up")
        self._person.end_output()
        await self._person.drained()
        if side.signal is not None:
            return ending.by_signal(side.signal)
        return ending.SILENT if side.status is None else ending.by_status(side.status)

    def _why_cut(self, side: TargetSide) -> str:
        if side.lost:
            return f"{self._name} was lost"
        if self._person.left.is_set():
            return "the client left"
        return "the session was ended"
