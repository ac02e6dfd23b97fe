"""What the gateway itself answers an SFTP client: that something is not allowed, why, and what the target's own words
on standard error are."""

import asyncio
import json

from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.sftp.exchange import Raw
from gateway.core.frame import FrameKind
from gateway.core.plain import plain
from gateway.core.shown import Answer, Stream
from gateway.session.gate import Gate, Permit
from gateway.wire.sftp import writing
from gateway.wire.sftp.numbers import Code

UNSEEN_MOST = 20
"""Paths of which one session says that nobody may look at them: a tree of them is not told one by one."""

EARLY_MOST = 16 << 10
"""Bytes of the target's error output that wait until something has been admitted."""


class Answers:
    """Toward one client. All it says is whole packets, and whole lines on standard error."""

    def __init__(self, gate: Gate, person: PersonSide) -> None:
        self._gate = gate
        self._person = person
        self._unseen: set[str] = set()

    async def give(self, *packets: Raw) -> None:
        """Send whole packets, once there is room. Raises `PersonLeft`."""
        await self._person.clear()
        for packet in packets:
            self._person.show(Stream.OUT, packet)
            self._gate.passed(shown=len(packet))

    async def status(self, id: int, code: Code, text: str) -> None:
        """Answer one request. Clients may show the text as it comes, so it is made harmless."""
        await self.give(writing.status(id, code, plain(text)))

    async def refuse(self, id: int, sentence: str) -> None:
        """It is not allowed. Clients show words of their own, so the sentence goes to standard error, too."""
        await self.say(sentence)
        await self.status(id, Code.PERMISSION_DENIED, sentence)

    async def may_not_look(self, id: int, path: str) -> None:
        """Nothing about this path is allowed. Said once for each."""
        sentence = plain(f"blocked - no rule lets you look at {path}")
        if path not in self._unseen and len(self._unseen) < UNSEEN_MOST:
            self._unseen.add(path)
            await self.say(sentence)
        await self.status(id, Code.PERMISSION_DENIED, f"hoop: {sentence}")

    async def not_offered(self, id: int, name: bytes) -> None:
        """What is not understood is not passed on, but noted."""
        shown = name.decode("ascii", "backslashreplace")
        mark = {"kind": "refused", "text": f"sftp request {shown} is not offered", "request": shown}
        await self._gate.observe(FrameKind.MARK, json.dumps(mark).encode())
        await self.status(id, Code.OP_UNSUPPORTED, "hoop: this is not offered on this gateway")

    async def say(self, sentence: str) -> None:
        """Words of ours on standard error."""
        self._person.show(Stream.ERR, await self._gate.tell(sentence))


class ErrorOutput:
    """What the target's server writes on standard error: masked and recorded like any, by the first permit there is.
    Before that nothing of it is shown."""

    def __init__(self, gate: Gate, person: PersonSide) -> None:
        self.due: float | None = None
        """When the held end has waited long enough."""
        self._gate = gate
        self._person = person
        self._permit: Permit | None = None
        self._early = b""

    def admitted(self, permit: Permit) -> None:
        """Something is allowed from now on."""
        self._permit = self._permit or permit

    async def heard(self, data: bytes) -> None:
        """It said more. Raises `Fault`."""
        self._early = (self._early + data)[:EARLY_MOST] if self._permit is None else self._early + data
        await self._show(urgent=False)

    async def overdue(self) -> None:
        """What was held has waited long enough. Raises `Fault`."""
        await self._show(urgent=True)

    async def end(self) -> None:
        """It says nothing more. Raises `Fault`."""
        await self._show(last=True)

    async def _show(self, *, urgent: bool = False, last: bool = False) -> None:
        if self._permit is None:
            return
        data, self._early = self._early, b""
        await self._person.clear()
        shown = await self._gate.reveal(self._permit, Answer(Stream.ERR, data, urgent=urgent, last=last))
        self._person.show(Stream.ERR, shown.data)
        self.due = asyncio.get_running_loop().time() + self._gate.hold_back if shown.held else None
