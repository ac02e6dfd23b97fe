"""Somebody at a stock client's terminal, typing into an interactive program behind the gateway."""

import asyncio
from datetime import timedelta
from typing import Any

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.terminal import Terminal

BASH = "PS1='one$ ' PS2='> ' HISTFILE=/dev/null exec bash --norc -i"


class Typist:
    """`start` a program, `line` by line, and look at what was written down."""

    def __init__(self, desk: Terminal, ssh: StockSsh, house: House) -> None:
        self.desk = desk
        self.house = house
        self._ssh = ssh
        self._from = 0

    async def start(self, command: str = BASH, prompt: bytes = b"one$ ") -> None:
        await self.desk.start(self._ssh.command("-t", "web-1@gw", command))
        await self.sees(prompt)

    async def sees(self, wanted: bytes) -> bytes:
        """Wait for it, after what was waited for before; returns all that came in between."""
        try:
            await self.desk.until(lambda seen: wanted in seen[self._from :])
        except AssertionError:
            raise AssertionError(f"never saw {wanted!r} in {self.desk.seen[self._from :]!r}") from None
        at = self.desk.seen.index(wanted, self._from) + len(wanted)
        between, self._from = self.desk.seen[self._from : at], at
        return between

    def type(self, keys: bytes) -> None:
        self.desk.type(keys)

    async def line(self, text: str, then: bytes = b"one$ ") -> bytes:
        """Type a line and Enter; then this comes."""
        self.desk.type(text.encode() + b"\r")
        return await self.sees(then)

    async def interrupt(self, prompt: bytes = b"one$ ") -> None:
        """Ctrl-C until the prompt is there: bash 5.2 now and then does nothing about the first."""
        async with asyncio.timeout(PATIENCE):
            while prompt not in self.desk.seen[self._from :]:
                self.desk.type(b"\x03")
                try:
                    async with asyncio.timeout(1):
                        await self.sees(prompt)
                        return
                except TimeoutError:
                    continue

    def stop(self, *texts: str) -> None:
        """Block typed lines that contain one of these."""
        self.judge(lambda text: Deny("no-such", "not on my watch") if any(t in text for t in texts) else None)

    def hold(self, text: str, seconds: float = 60) -> None:
        """Hold typed lines that contain this."""
        verdict = Hold("ask-first", "", frozenset({"sre"}), 1, timedelta(seconds=seconds))
        self.judge(lambda typed: verdict if text in typed else None)

    def judge(self, verdict: Any) -> None:
        def decide(operation: Operation, session: Session) -> Verdict:
            if operation.verb != "typed":
                return Allow("everything")
            self.judged.append(operation)
            return verdict(operation.text) or Allow("default")

        self.house.decide = decide
        self.judged: list[Operation] = []

    async def held(self) -> Approval:
        async with asyncio.timeout(PATIENCE):
            while not (waiting := await self.house.ledger.approvals(state="held")):
                await asyncio.sleep(0.02)
        return waiting[0]

    async def settle(self, granted: bool, reason: str = "") -> None:
        approval = await self.held()
        await self.house.approvals.settle(approval.id, BOB, granted, approval.sha256, reason)

    async def bodies(self, name: str, count: int) -> list[dict[str, Any]]:
        """The first entries of this name, once there are as many."""
        async with asyncio.timeout(PATIENCE):
            while len(entries := await self.house.entries(name)) < count:
                await asyncio.sleep(0.02)
        return [dict(entry.body) for entry in entries]

    async def ran(self, count: int) -> list[str]:
        """The lines that were written down as run."""
        return [str(body["text"]) for body in await self.bodies("command.read", count)]

    def chapters(self) -> list[dict[str, Any]]:
        """What the recording has about typed lines."""
        marks = self.house.recording().facts_of(FrameKind.MARK)
        return [mark for mark in marks if mark.get("verb") == "typed"]

    async def leave(self) -> None:
        self.desk.type(b"exit\r")
        await self.desk.ended()
