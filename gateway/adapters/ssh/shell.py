"""A Relay for what runs on a terminal: what is typed goes by way of `TypedLines`, which reads and may hold lines."""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from gateway.adapters.ssh.asked import Control, Resize, Terminal, shown_size
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.questions import Questions
from gateway.adapters.ssh.relay import Relay
from gateway.adapters.ssh.target.far_side import FarSide
from gateway.adapters.ssh.target.lookout import Lookout
from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.shown import Answer, Stream
from gateway.session.gate import Gate, Permit
from gateway.session.typed_lines import TypedLines


class ShellRelay(Relay):
    """One admitted shell or command on a terminal, while it runs."""

    def __init__(
        self,
        gate: Gate,
        permit: Permit,
        person: PersonSide,
        target: FarSide,
        terminal: Terminal,
        questions: Questions,
        lookout: Lookout | None = None,
        *,
        judged: bool = True,
    ) -> None:
        """Not `judged`: what is typed is no command line, so no rule is asked about it."""
        super().__init__(gate, permit, person, target)
        self._lines = TypedLines(gate, self, **terminal.shown_size, judged=judged)
        self._questions = questions
        self._lookout = lookout
        self._showing = questions.showing

    async def run(self, *, terminal: bool) -> Ending:
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._lines.run())
                how = await super().run(terminal=terminal)
                reading.cancel()
        finally:
            await self._lines.finish()
        return how

    async def _toward_target(self, terminal: bool) -> None:
        while (piece := await self._person.inbox.take()) is not None:
            if not await self._lines.typed(piece[1]):
                return
        self._target.end_input()

    async def _show(self, answer: Answer) -> None:
        if answer.data:
            self._lines.answered(answer.data)
        await self._reveal(answer)

    async def _reveal(self, answer: Answer) -> None:
        async with self._showing:  # words of ours come from another task
            await super()._show(answer)

    async def _note(self, control: Control) -> None:
        if isinstance(control, Resize):
            self._lines.resize(**shown_size(control.cols, control.rows))
        await super()._note(control)

    # What TypedLines asks for.

    @property
    def interrupted(self) -> asyncio.Event:
        """Set by Ctrl-C while it is heeded."""
        return self._person.interrupted

    async def forward(self, data: bytes) -> bool:
        """Note what was typed, and send it to the target."""
        await self._gate.inflow.opened()
        await self._target.clear()
        await self._gate.observe(FrameKind.INPUT, data)
        return self._target.send(data)

    def press(self, keys: bytes) -> None:
        """Keys of ours."""
        self._target.send(keys)

    async def say(self, text: str, *, own_line: bool) -> None:
        """On the stream that the terminal's output comes on: a client may show two streams in another order."""
        await self._person.clear()
        async with self._showing:
            self._person.show(Stream.OUT, await self._gate.tell(text, own_line=own_line))

    async def paint(self, data: bytes) -> None:
        """What the target has shown before."""
        await self._reveal(Answer(Stream.OUT, data, urgent=True))

    def heed_interrupt(self, on: bool) -> None:
        """Ctrl-C is for us."""
        self._person.watch_for_interrupt = on

    def must_ask(self, required: AbstractSet[str]) -> bool:
        """Whether the person has to be asked for some of these answers."""
        return self._questions.must_ask(required)

    async def answers(self, required: AbstractSet[str], *, own_line: bool) -> Mapping[str, str]:
        """Ask them."""
        return await self._questions.answers(required, Stream.OUT, own_line=own_line)

    async def looked_into(self, operation: Operation, directory: str | None) -> Operation:
        """With the files that the line runs."""
        if self._lookout is None:
            return operation
        return await self._lookout.looked_into(operation, directory)

    async def why_changed(self, operation: Operation, directory: str | None) -> str:
        """What of these files is not as it was."""
        if self._lookout is None:
            return ""
        return await self._lookout.why_changed(operation, directory)

    async def waiting(self) -> bytes:
        """What has been typed and not been taken."""
        return self._person.inbox.drain()
