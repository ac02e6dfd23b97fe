"""Plants the recordings of `replays/` in a ledger and among its blobs, marked as brought in from elsewhere."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.core.errors import Fault
from gateway.core.events import SessionEnded, SessionOpened
from gateway.core.frame import Frame, FrameKind
from gateway.core.ports import Blobs, Ledger
from gateway.recording.reader import RecordingReader

REPLAYS = Path(__file__).parents[2] / "replays"


@dataclass(frozen=True, slots=True)
class _Told:
    """What the frames of a recording tell about its session."""

    outcome: str
    duration: timedelta
    commands: int
    blocked: int
    shown: int


async def plant(ledger: Ledger, blobs: Blobs, directory: Path = REPLAYS) -> list[str]:
    """Bring in every recording that is not there yet; returns the session ids."""
    planted = []
    read = [_read(path, data) for path, data in await asyncio.to_thread(_files, directory)]
    for path, data, meta, told in sorted(read, key=lambda each: str(each[2]["started_at"])):
        if await ledger.session(meta["session"]) is not None:
            continue
        key = f"imported/{meta['session']}.hrec"
        blob = await blobs.create(key)
        await blob.append(data)
        await blob.close()
        await ledger.append(_opened(meta, key, path.name))
        await ledger.append(_ended(meta, told))
        planted.append(meta["session"])
    return planted


def _read(path: Path, data: bytes) -> tuple[Path, bytes, dict[str, Any], _Told]:
    reader = RecordingReader()
    reader.receive(data)
    told = _told(frames(reader))
    if reader.problem or not reader.meta:
        raise Fault(f"the recording {path.name} can not be brought in: {reader.problem or 'it is empty'}")
    return path, data, dict(reader.meta), told


def _files(directory: Path) -> list[tuple[Path, bytes]]:
    return [(path, path.read_bytes()) for path in sorted(directory.glob("*.hrec"))]


def frames(reader: RecordingReader) -> Iterator[Frame]:
    """Every frame that a reader has."""
    while (more := reader.next_frames()) is not None:
        yield from more


def _told(frames: Iterator[Frame]) -> _Told:
    outcome, last_us, commands, blocked, shown = "crash", 0, 0, 0, 0
    for frame in frames:
        last_us = frame.at_us
        if frame.kind in (FrameKind.OUTPUT, FrameKind.ERROR):
            shown += len(frame.data)
        elif frame.kind is FrameKind.MARK:
            mark = json.loads(frame.data)
            kind = mark.get("kind")
            commands += (kind == "command" and mark.get("state") == "admitted") or kind == "again"
            blocked += mark.get("state") == "blocked"
            shown += mark.get("shown_bytes", mark.get("bytes", 0)) if kind == "result" else 0
        elif frame.kind is FrameKind.EXIT:
            end = json.loads(frame.data)
            outcome = "blocked" if blocked and not commands else f"exit {end.get('status', 0)}"
    return _Told(outcome, timedelta(microseconds=last_us), commands, blocked, shown)


def _opened(meta: dict[str, Any], key: str, name: str) -> SessionOpened:
    return SessionOpened(
        session=meta["session"],
        actor=meta["person"],
        person=meta["person"],
        groups=list(meta.get("groups", [])),
        target=meta["target"],
        kind=meta["kind"],
        login=meta["login"],
        address=meta["address"],
        client=meta["client"],
        labels=dict(meta.get("labels", {})),
        recording=key,
        imported_from=name,
        started_at=meta["started_at"],
    )


def _ended(meta: dict[str, Any], told: _Told) -> SessionEnded:
    return SessionEnded(
        session=meta["session"],
        actor=meta["person"],
        outcome=told.outcome,
        bytes_shown=told.shown,
        commands=told.commands,
        blocked=told.blocked,
        ended_at=(datetime.fromisoformat(meta["started_at"]) + told.duration).isoformat(),
    )
