"""The person's agent, as far as a target may use it: each listing and each signature is judged and written down.

Off unless the target has `agent_forwarding` and the client asks for it. It lives as long as the session's command.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import NoReturn

from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED, OPEN_CONNECT_FAILED
from asyncssh.misc import ChannelOpenError

from gateway.adapters.ssh.agent.protocol import FAILURE, Messages, Request, read_request
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.forward.end import WINDOW_LEAST, FlowChannel, FlowEnd, open_agent
from gateway.adapters.ssh.forward.incoming import Incoming, Opened, unexpected
from gateway.adapters.ssh.person import PersonSide
from gateway.core.errors import Denied, Fault, Malformed
from gateway.core.findings import AgentAsked
from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.session.gate import Gate

log = logging.getLogger("hoop.ssh")

TALKS_MOST = 10
"""Programs on the target that may talk with the agent at one time."""


class AgentForwarding:
    """Of one session; a context that ends every talk. An `Incoming` for the connection to the target."""

    def __init__(
        self, gate: Gate, person: PersonSide, say: Callable[[str], Awaitable[None]], asked: Asked
    ) -> None:
        self._gate = gate
        self._person = person
        self._say = say
        wanted = asked.agent and gate.session.target.options.get("agent_forwarding") is True
        self.asked = replace(asked, agent=wanted)
        """What to ask of the target: an agent only where it is offered."""
        self.incoming: Incoming | None = self if wanted else None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "AgentForwarding":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for talk in self._talks:
            talk.cancel()
        if self._talks:
            await asyncio.wait(self._talks)

    # What the connection to the target calls.

    def from_port(
        self, connection: TargetConnection, at: tuple[str, int], origin: tuple[str, int]
    ) -> NoReturn:
        """A session listens nowhere."""
        unexpected()

    def from_socket(self, connection: TargetConnection, at: str) -> NoReturn:
        """A session listens nowhere."""
        unexpected()

    def agent(self, connection: TargetConnection) -> Opened:
        """A program on the target wants to talk with the agent."""
        if len(self._talks) >= TALKS_MOST:
            raise ChannelOpenError(OPEN_ADMINISTRATIVELY_PROHIBITED, "too many talks with the agent")
        end = FlowEnd(connection)
        return FlowChannel(connection, WINDOW_LEAST), self._open(end)

    async def _open(self, target: FlowEnd) -> FlowEnd:
        connection = self._person.connection
        if connection is None:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, "the person is gone")
        agent = await open_agent(connection)
        talk = asyncio.create_task(self._talk(target, agent), name="ssh agent talk")
        self._talks.add(talk)
        talk.add_done_callback(self._over)
        return target

    def _over(self, talk: asyncio.Task[None]) -> None:
        self._talks.discard(talk)
        if not talk.cancelled() and (problem := talk.exception()) is not None:
            log.error("session %s: the agent can not be asked", self._gate.session.id, exc_info=problem)

    # One talk.

    async def _talk(self, target: FlowEnd, agent: FlowEnd) -> None:
        asked, answers = Messages(), Messages()
        try:
            while (frame := await _next(target, asked)) is not None:
                answer = await self._answer(read_request(frame), agent, answers)
                if answer is None:
                    break
                await target.clear()
                if not target.send(answer):
                    break
        except Malformed as problem:
            log.info("session %s: %s", self._gate.session.id, problem.sentence)
        except Fault as problem:
            log.info("session %s: the agent is not asked: %s", self._gate.session.id, problem.sentence)
        finally:
            target.close()
            agent.close()

    async def _answer(self, request: Request, agent: FlowEnd, answers: Messages) -> bytes | None:
        """The agent's own answer where it may be asked; None when it has gone away."""
        if not await self._granted(request):
            return FAILURE
        await agent.clear()
        if not agent.send(request.frame):
            return None
        return await _next(agent, answers)

    async def _granted(self, request: Request) -> bool:
        if request.what == "bind":
            return True
        if request.what == "other":
            mark = {"kind": "agent", "text": f"the agent was not asked to {request.text}"}
            await self._gate.observe(FrameKind.MARK, json.dumps(mark).encode())
            await self._report(request, granted=False)
            return False
        try:
            await self._gate.admit(_operation(request), self._say)
        except Denied as problem:
            await self._report(request, granted=False)
            await self._say(problem.sentence)
            return False
        await self._report(request, granted=True)
        return True

    async def _report(self, request: Request, *, granted: bool) -> None:
        what = request.text if request.what == "other" else request.what
        await self._gate.report(AgentAsked(what=what, key=request.key, granted=granted))


def _operation(request: Request) -> Operation:
    details = {"what": request.what, "key": request.key, "data_sha256": request.data_sha256}
    resources = (request.key,) if request.key else ()
    return Operation("sign", request.text, frozenset({Effect.CONTROL}), resources, MappingProxyType(details))


async def _next(end: FlowEnd, messages: Messages) -> bytes | None:
    """The next frame that comes from this end; None when it ends. Raises `Malformed`."""
    while (frame := messages.take()) is None:
        piece = await end.inbox.take()
        if piece is None:
            return None
        messages.feed(piece[1])
    return frame
