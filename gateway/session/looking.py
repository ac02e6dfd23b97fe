"""Looks into the files that a command runs, before it is judged: where rules could mind, and for whoever is asked.

What is found becomes attachments of the operation: rules about commands see what scripts run, people see the files,
and the digest that they approve covers them. Looked at again before anything is let go. Whoever fetches the files, by
way of `Reader`, is an adapter's; which files a line names is read in `policy/shell/runs.py`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.core.attachments import PROGRAM, SHELL, UNREAD, Attachment, changed
from gateway.core.operation import Operation
from gateway.core.people import Target
from gateway.core.verdict import Deny, Hold, Verdict
from gateway.policy.shell.runs import MOST, Run, files_run

SHOWN_MOST = 256 << 10
"""Bytes of all files of one command that people are shown."""
PATIENCE = 15.0
"""Seconds after which no further file is begun."""
NO_TIME = "not looked inside: looking took too long"
TOO_DEEP = "not looked inside: a script of a script of a script runs it"
TOO_MANY = f"not looked inside: only the first {MOST} files are"
DEEPEST = 3
"""A script that runs a script that runs a script: so far."""
_SHEBANGS = (b"sh", b"bash", b"dash", b"ksh", b"zsh", b"ash", b"mksh")
OFF = "look_inside"


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file as it was found. `why`: why there is no `data`."""

    path: str = ""
    size: int = 0
    sha256: str = ""
    data: bytes | None = None
    why: str = ""


class Reader(Protocol):
    """Reads files of a target, as the account of the session."""

    async def read(self, path: str, most: int) -> FileRead:
        """What a path leads to: its digest, and its contents where they are no more than `most` bytes. `path` is
        absolute, or from where sessions of the account begin. What goes wrong is said in `why`."""
        ...


Foresee = Callable[[Operation], Verdict]
"""What the rules would say of an operation, asking nobody."""


async def looked_into(
    target: Target, foresee: Foresee, operation: Operation, directory: str | None, reader: Reader
) -> Operation:
    """The operation with what is in its files, where that could matter to a rule or to people. `directory` is where
    its command begins: absolute, `""` for where sessions begin, None where nobody knows."""
    if not target.options.get(OFF, True) or not (runs := files_run(operation.text, directory)):
        return operation
    if not could_matter(foresee(operation), foresee(_suspected(operation))):
        return operation
    return await attached(operation, runs, directory, reader)


async def attached(
    operation: Operation, runs: tuple[Run, ...], directory: str | None, reader: Reader
) -> Operation:
    """The operation with these files, and with those that they run."""
    found: dict[tuple[str, str], Attachment] = {}
    room = SHOWN_MOST
    waiting = [(run, "", 1) for run in reversed(runs)]
    until = asyncio.get_running_loop().time() + PATIENCE
    while waiting and len(found) < MOST:
        run, inside, depth = waiting.pop()
        known = found.get((run.name, run.path))
        if known is not None and not _is_shells_after_all(run, known):
            continue
        if asyncio.get_running_loop().time() > until:
            run = replace(run, why=NO_TIME)
        one = await _one(run, inside, room, reader)
        found[run.name, run.path] = one
        room -= one.size if one.text else 0
        if one.is_script:
            why = TOO_DEEP if depth >= DEEPEST else ""
            inner = [replace(each, why=each.why or why) for each in files_run(one.text, directory)]
            waiting += [(each, run.name, depth + 1) for each in reversed(inner)]
    for run, inside, _ in reversed(waiting):
        if (run.name, run.path) not in found:
            found[run.name, run.path] = Attachment(run.name, why=TOO_MANY, inside=inside, reader=run.reader)
            break
    return replace(operation, attachments=tuple(found.values()))


async def why_changed(
    operation: Operation, directory: str | None, reader: Reader, since: str = "approved"
) -> str:
    """What of its files is not as it was when they were looked into: one clause, or nothing."""
    if not operation.attachments:
        return ""
    bare = replace(operation, attachments=())
    again = await attached(bare, files_run(operation.text, directory), directory, reader)
    return changed(operation.attachments, again.attachments, since)


def could_matter(verdict: Verdict, suspected: Verdict) -> bool:
    """Whether it is held, or some rule would have more to say if the files did anything at all."""
    if isinstance(verdict, Deny):
        return False
    return isinstance(verdict, Hold) or verdict != suspected


def _suspected(operation: Operation) -> Operation:
    """The same as if its files held whatever a rule is about."""
    return replace(operation, attachments=(UNREAD,))


def _is_shells_after_all(run: Run, known: Attachment) -> bool:
    """`python3 x; sh x`: something else reads it first."""
    text = known.text.encode("utf-8", "surrogateescape")
    return not known.is_script and _reader(run, text) == SHELL


async def _one(run: Run, inside: str, room: int, reader: Reader) -> Attachment:
    if run.why:
        return Attachment(run.name, why=run.why, inside=inside, reader=run.reader)
    read = await reader.read(run.path, room)
    kind = _reader(run, read.data)
    about = Attachment(run.name, read.path, read.size, read.sha256, inside=inside, reader=kind)
    if read.data is None:
        return replace(about, why=read.why)
    if b"\0" in read.data:
        return replace(about, why="binary, so not shown")
    return replace(about, text=read.data.decode("utf-8", "surrogateescape"))


def _reader(run: Run, data: bytes | None) -> str:
    """What reads a file that is run by its path: its first line says, and without one it is the shell."""
    if not run.by_path or data is None:
        return run.reader
    if not data.startswith(b"#!"):
        return SHELL
    words = data[2:256].split(b"\n", 1)[0].replace(b"/", b" ").split()
    return SHELL if any(word in _SHEBANGS for word in words) else PROGRAM
