"""Transfers by rsync and git: what may be carried is admitted before the program starts, path by path.

Their protocols are not read. The bytes pass as they are; they are counted, and their digest is of the stream, not of
any file in it. Nothing can be masked in them.
"""

import asyncio
import json
import posixpath
from collections.abc import AsyncIterator
from hashlib import sha256

from gateway.adapters.ssh.files.ends import PersonEnd, TargetEnd
from gateway.adapters.ssh.files.operation import Place, operation_on
from gateway.adapters.ssh.files.paths import Kind, TargetPaths, placed
from gateway.adapters.ssh.files.recognise import FileCommand
from gateway.adapters.ssh.files.words import Word
from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.session.files import Transfer
from gateway.session.gate import Gate

_REPOSITORY = ("/.git", "", "/.git/.git", ".git/.git", ".git")
"""Where git looks for a repository that it is told to serve, in its order."""


async def operations(command: FileCommand, paths: TargetPaths) -> AsyncIterator[Operation]:
    """Everything that has to be admitted, one after the other."""
    for word in command.paths:
        place = await (_repository if command.program == "git" else _named)(word, paths)
        certain = not command.strays
        tree = command.recursive or await _goes_into(command, place, paths)
        yield operation_on(place, command.direction, command, tree=tree, certain=certain)
        if command.removes:
            yield operation_on(place, "remove", command, tree=tree, certain=certain)
    for directory in command.beside:
        place = await _beside(command.paths[0], directory, paths)
        yield operation_on(place, command.direction, command, tree=True)


async def _goes_into(command: FileCommand, place: Place, paths: TargetPaths) -> bool:
    """A single file goes below the path if that is a directory, and its name is not on the command line."""
    if command.direction == "download":
        return False
    return place.asked is None or await paths.kind(place.asked) is not Kind.OTHER


async def _named(word: Word, paths: TargetPaths) -> Place:
    return Place(word.text, await paths.resolved(word), placed(word))


async def _repository(word: Word, paths: TargetPaths) -> Place:
    """git knows `~` itself, and finds `project.git` for `project`. Where a file points to the repository, or git can
    look where we can not, it stays unknown."""
    asked = placed(Word(word.text, frozenset({0}) if word.text.startswith("~") else frozenset()))
    if asked is None:
        return Place(word.text)
    for suffix in _REPOSITORY:
        candidate = asked + suffix
        match await paths.kind(candidate):
            case Kind.DIRECTORY if await paths.kind(f"{candidate}/HEAD") is not Kind.MISSING:
                return Place(word.text, await paths.real(candidate), candidate)
            case Kind.OTHER | Kind.UNKNOWN:
                return Place(word.text)
    return Place(word.text, await paths.real(asked), asked)


async def _beside(destination: Word, directory: str, paths: TargetPaths) -> Place:
    """A directory that rsync was told to use besides: where it is relative, it begins at the destination."""
    if directory.startswith("/"):
        return Place(directory, await paths.real(directory), directory)
    base = placed(destination)
    if base is None:
        return Place(directory)
    asked = posixpath.join(base, directory)
    return Place(directory, await paths.real(asked), asked)


class Stream:
    """One run of rsync or git, once all that it may do was admitted. `carry` returns when the program has said its
    last."""

    def __init__(
        self, gate: Gate, command: FileCommand, resolved: str, person: PersonEnd, target: TargetEnd
    ) -> None:
        self._gate = gate
        self._upload = command.direction == "upload"
        self._person = person
        self._target = target
        self._transfer = Transfer(
            gate,
            direction=command.direction,
            path=" ".join(word.text for word in command.paths),
            resolved=resolved,
            program=command.program,
        )
        self._asked = sha256()
        self._asked_size = 0

    async def carry(self) -> None:
        """Pass everything on, both ways."""
        try:
            async with asyncio.TaskGroup() as tasks:
                toward = tasks.create_task(self._toward())
                while (data := await self._target.read()) is not None:
                    if not self._upload:
                        await self._transfer.take(data)
                    await self._person.write(data)
                toward.cancel()
            await self._target.side.closed.wait()
            await self._write_down()
        finally:
            if not self._transfer.finished:
                await self._transfer.cut("the transfer was broken off")

    async def _toward(self) -> None:
        while (data := await self._person.read()) is not None:
            if self._upload:
                await self._transfer.take(data)
            else:
                self._asked.update(data)
                self._asked_size += len(data)
            if not await self._target.write(data):
                return
        self._target.side.end_input()

    async def _write_down(self) -> None:
        side = self._target.side
        if self._asked_size:
            text = f"{self._asked_size} bytes piped in"
            mark = {
                "kind": "input",
                "text": text,
                "size": self._asked_size,
                "sha256": self._asked.hexdigest(),
            }
            await self._gate.observe(FrameKind.MARK, json.dumps(mark).encode())
        if side.status == 0:
            await self._transfer.finish(complete=False)
        elif side.status is not None:
            await self._transfer.finish(f"failed: exit {side.status}", complete=False)
