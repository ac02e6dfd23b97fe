"""The conversation of scp -O: each file and directory is admitted before the other side hears of it.

The side that has the files offers them one by one and waits; so the gateway can refuse a single one, in words of the
protocol, and the rest goes on. Nothing runs on the target before something was admitted. Contents pass untouched.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.adapters.ssh import ending
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.files.ends import End, PersonEnd, TargetEnd
from gateway.adapters.ssh.files.operation import Place, operation_on
from gateway.adapters.ssh.files.paths import Kind
from gateway.adapters.ssh.files.places import Places
from gateway.adapters.ssh.files.recognise import FileCommand
from gateway.core.errors import Denied, Malformed
from gateway.core.operation import Operation
from gateway.session.files import DONE, Transfer
from gateway.session.gate import Gate, Permit
from gateway.wire.scp import (
    OK,
    Answers,
    Complaint,
    Contents,
    Directory,
    Done,
    Event,
    File,
    Leave,
    Offer,
    Source,
    Times,
    is_file_name,
)

Admit = Callable[[Operation], Awaitable[Permit]]
Start = Callable[[Permit], Awaitable[TargetEnd]]


class Over(Exception):
    """One of the two has nothing more to say, or hears nothing more."""


@dataclass(slots=True)
class Tally:
    """What became of the offers."""

    taken: int = 0
    last_denied: Denied | None = None
    refused: int = 0


class ScpTalk:
    """One run of scp. `run` returns when there is nothing more to be said; `start` runs scp on the target."""

    def __init__(
        self,
        gate: Gate,
        command: FileCommand,
        places: Places,
        person: PersonEnd,
        admit: Admit,
        start: Start,
    ) -> None:
        self.target: TargetEnd | None = None
        self.tally = Tally()
        self._gate = gate
        self._command = command
        self._places = places
        self._person = person
        self._ask_gate = admit
        self._start = start
        self._source = Source()
        self._answers = Answers()
        self._upload = command.direction == "upload"
        self._admitted: dict[tuple[str, str], Permit] = {}
        """What was admitted before scp started on the target, and has not been offered since."""
        self._times: Times | None = None
        self._unsettled: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Raises `Denied` where nothing at all may be read, and `Malformed` with a sentence for the person."""
        try:
            if self._upload:
                await self._write(self._person, OK)
            else:
                await self._begin_download()
            while True:
                await self._hear(await self._next())
        except Over:
            pass
        finally:
            await self._settled()

    async def _begin_download(self) -> None:
        permit: Permit | None = None
        for word in self._command.paths:
            place = await self._places.named(word)
            looks = word.is_pattern or (
                self._command.recursive and await self._places.kind(place) is Kind.DIRECTORY
            )
            permit = await self._admit(self._operation("list" if looks else "download", place))
            self._admitted[(permit.operation.verb, permit.operation.text)] = permit
        assert permit is not None
        self.target = await self._start(permit)
        await self._reply(await self._answer())

    async def _hear(self, event: Event) -> None:
        match event:
            case Times():
                self._times = event
                await self._reply(OK)
            case File() | Directory():
                times, self._times = self._times, None
                await self._weigh(event, times)
            case Leave():
                if not self._places.depth:
                    raise Over
                self._places.leave()
                await self._ask(event.line())
                await self._reply(await self._answer())
            case Complaint():
                await self._pass_on(event)

    # What is offered.

    async def _weigh(self, offer: Offer, times: Times | None) -> None:
        place = await self._places.of(offer.name) if is_file_name(offer.name) else None
        if place is None:
            await self._refuse(f"blocked - {self._teller} offers a file by a name that can not be right")
            return
        verb = self._command.direction if isinstance(offer, File) else "mkdir" if self._upload else "list"
        try:
            permit = await self._admit(self._operation(verb, place))
        except Denied as denied:
            self.tally.last_denied = denied
            await self._refuse(denied.sentence)
            return
        if not await self._is_wanted(permit, offer, times):
            return
        self.tally.taken += 1
        if isinstance(offer, File):
            await self._carry(offer, place)
        else:
            self._places.enter(place)
            await self._reply(OK)

    async def _is_wanted(self, permit: Permit, offer: Offer, times: Times | None) -> bool:
        """Pass the offer on and hear what the other side says to it."""
        answer: bytes | Complaint = OK
        if self.target is None:
            self.target = await self._start(permit)
            answer = await self._answer()
            if isinstance(answer, Complaint):
                answer = replace(answer, fatal=True)  # who complains before anything was offered goes away
        for line in [each.line() for each in (times, offer) if each is not None]:
            if answer is OK:
                await self._ask(line)
                answer = await self._answer()
        if answer is OK:
            return True
        await self._reply(answer)
        return False

    async def _carry(self, file: File, place: Place) -> None:
        transfer = Transfer(
            self._gate,
            direction=self._command.direction,
            path=place.given,
            resolved=place.real,
            program="scp",
        )
        outcome = ""
        try:
            self._source.want(file)
            await self._reply(OK)
            while isinstance(event := await self._next(), Contents):
                await transfer.take(event.data)
                await self._ask(event.data)
            assert isinstance(event, Done)
            await self._ask(event.line())
            answer = await self._answer()
            outcome = DONE if answer is OK else "failed: it could not be written"
            if event.complaint is not None:
                outcome = f"failed: {self._teller} could not read it"
        finally:
            if not outcome:
                await transfer.cut("the transfer was broken off")
        await self._settled()
        self._unsettled = asyncio.create_task(transfer.finish(outcome, complete=event.complaint is None))
        await self._reply(answer)

    async def _settled(self) -> None:
        """The end of the last file is in the books: meanwhile the programs may come to the next one."""
        unsettled = self._unsettled
        if unsettled is None:
            return
        try:
            await asyncio.shield(unsettled)
        finally:
            if unsettled.done():
                self._unsettled = None

    async def _refuse(self, text: str) -> None:
        """Say so to the person, and have the source go on with the next file."""
        self.tally.refused += 1
        spoken = Complaint((await self._gate.tell(text)).rstrip(b"\n")).line()
        await self._write(self._person, spoken)
        if not self._upload:
            await self._reply(Complaint(b"hoop: not delivered"))

    async def _pass_on(self, complaint: Complaint) -> None:
        """The source could not read something."""
        if self.target is None:
            return  # nothing runs that would have to know
        await self._ask(await self._spoken(complaint) if not self._upload else complaint.line())

    async def _admit(self, operation: Operation) -> Permit:
        known = self._admitted.pop((operation.verb, operation.text), None)
        if known is not None:
            return known
        return await self._ask_gate(operation)

    def _operation(self, verb: str, place: Place) -> Operation:
        return operation_on(place, verb, self._command)

    # What is said: `_next` and `_reply` with the side that has the files, `_ask` and `_answer` with the other.

    @property
    def _teller(self) -> str:
        return "your client" if self._upload else self._gate.session.target.name

    @property
    def _listener(self) -> str:
        return self._gate.session.target.name if self._upload else "your client"

    async def _next(self) -> Event:
        source = self._person if self._upload else self._running
        try:
            while (event := self._source.next()) is None:
                self._source.feed(await self._read(source))
        except Malformed as problem:
            raise Malformed(f"{self._teller} does not speak as scp does: {problem.sentence}") from problem
        return event

    async def _answer(self) -> bytes | Complaint:
        sink = self._running if self._upload else self._person
        try:
            while (answer := self._answers.next()) is None:
                self._answers.feed(await self._read(sink))
        except Malformed as problem:
            raise Malformed(f"{self._listener} does not speak as scp does: {problem.sentence}") from problem
        return answer

    async def _reply(self, answer: bytes | Complaint) -> None:
        if self._upload:
            said = answer if isinstance(answer, bytes) else await self._spoken(answer)
            await self._write(self._person, said)
        else:
            await self._write(self._running, answer if isinstance(answer, bytes) else answer.line())

    async def _ask(self, data: bytes) -> None:
        await self._write(self._running if self._upload else self._person, data)

    async def _spoken(self, complaint: Complaint) -> bytes:
        """What the target complains of, masked and recorded, as the person's client gets it."""
        text = await self._running.complain(complaint.text + b"\n")
        return Complaint(text.replace(b"\n", b" ").rstrip(), complaint.fatal).line()

    @property
    def _running(self) -> TargetEnd:
        assert self.target is not None
        return self.target

    async def _read(self, end: End) -> bytes:
        data = await end.read()
        if data is None:
            raise Over
        return data

    async def _write(self, end: End, data: bytes) -> None:
        if not await end.write(data):
            raise Over


def counted(tally: Tally, how: Ending) -> Ending:
    """How it ended for the person: what the target never heard of counts too."""
    if not tally.refused:
        return how
    if tally.last_denied is not None and not tally.taken:
        return ending.by_denial(tally.last_denied)
    return ending.by_status(1) if how.status in (0, None) and how.signal is None else how
