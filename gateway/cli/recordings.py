"""`recording export` and `recording verify`: of a session by its id, or of any file."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.exits import BadUsage, NotFound, NotVerified
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, load
from gateway.cli.talk import data, say

if TYPE_CHECKING:
    from gateway.app.settings import Settings
    from gateway.core.ports import SessionRow

_PIECE = 1 << 20

Which = Annotated[str, Parameter(help="A session's id, the start of one, or a file.")]


def export(
    which: Which,
    /,
    *,
    as_: Annotated[
        Literal["cast2", "txt", "jsonl"],
        Parameter(
            name="--as", help="asciicast for players, plain text, or a JSON object for each statement."
        ),
    ] = "cast2",
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A new file, instead of standard output.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Write a recording in another format.

    Exporting a session by its id is noted in the ledger, as replaying it is. A recording that is damaged or cut
    gives what is good in it, says so, and ends with exit code 10.
    """
    from gateway.recording.exports import EXPORTS, Exporting

    with _found(which, config, f"export {as_}") as source, _target(output) as file:
        work = Exporting(EXPORTS[as_]())
        for part in source.parts():
            work.receive(part)
            while made := work.take():
                file.write(made)
            if work.stopped:
                break
        file.write(work.finish(live=source.live))
        file.flush()
        problem = "" if source.live else _problem(source)
    if problem:
        raise NotVerified(problem)
    return 0


def verify(which: Which, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Check that a recording is whole: every byte what was written, in order, to the end.

    Prints the digest of the chain; compare it with one that was noted elsewhere to know that the file as a whole
    was not exchanged. A recording that is not whole ends with exit code 10.
    """
    from gateway.recording.verify import verify as read_all

    with _found(which, config, "") as source:
        result = read_all(source.parts())
    data(f"{source.name}  frames {result.frames}  bytes {result.good_bytes}  root {result.root}")
    if source.live and result.bad_offset is None:
        say("the session is still open; all that is there is good")
    elif not result.ok:
        raise NotVerified(result.problem)
    return 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A recording to be read, piece by piece, as often as needed."""

    name: str
    live: bool
    piece: Callable[[int], bytes]

    def parts(self) -> Iterator[bytes]:
        offset = 0
        while part := self.piece(offset):
            offset += len(part)
            yield part


def _problem(source: _Source) -> str:
    from gateway.recording.verify import verify as read_all

    return read_all(source.parts()).problem


@contextmanager
def _found(which: str, config: Path, how: str) -> Iterator[_Source]:
    """The recording that `which` names: a file if there is one, else a session."""
    path = Path(which)
    if "/" in which or path.is_file():
        if not path.is_file():
            raise NotFound(f"there is no file {which}")
        with path.open("rb") as file:
            yield _Source(which, False, lambda offset: os.pread(file.fileno(), _PIECE, offset))
        return
    from gateway.blobs.local import LocalBlobs

    settings = load(config).settings
    with asyncio.Runner() as runner:
        row = runner.run(_session(settings, which, how))
        blobs = LocalBlobs(settings.store.recordings_directory)
        try:
            runner.run(blobs.size(row.recording))
        except KeyError:
            raise NotFound(f"the recording of {row.id} is not there any more") from None
        live = row.ended_at is None
        yield _Source(row.id, live, lambda offset: runner.run(blobs.read(row.recording, offset, _PIECE)))


async def _session(settings: "Settings", which: str, how: str) -> "SessionRow":
    """The one session whose id starts so. Reading it as `how` is in the ledger before anything is shown."""
    from gateway.core.events import RecordingViewed
    from gateway.core.ids import canonical_session

    try:
        prefix = canonical_session(which)
    except ValueError:
        raise NotFound(f'there is no file and no session "{which}"') from None
    async with opened(settings) as ledger:
        rows = await ledger.find_sessions(prefix)
        if not rows:
            raise NotFound(f"there is no session {prefix}")
        if len(rows) > 1:
            raise BadUsage(f"several sessions start so: {', '.join(row.id for row in rows)}")
        if not rows[0].recording:
            raise NotFound(f"the session {rows[0].id} has no recording")
        if how:
            person = who_runs_this()
            await ledger.append(RecordingViewed(session=rows[0].id, actor=person, person=person, how=how))
    return rows[0]


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a new file that only its owner can read. An export that fails leaves no half file."""
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadUsage(f"{output} exists already; nothing was written") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
    except BaseException:
        output.unlink(missing_ok=True)
        raise
