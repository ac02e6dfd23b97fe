"""The books of file transfers, the same for sftp, scp, rsync and git: what was asked for, carried, and how it ended.

`file_operation` says in words of policy what somebody wants to do to a file. A `Transfer` is made once that was
admitted; it counts and hashes what passes, keeps it where the target is set to `keep_files`, and writes down exactly
once how it ended. Nothing in here carries a byte: whoever does counts those for the session with `Gate.passed`.
"""

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gateway.core.errors import Fault
from gateway.core.findings import FileTransferred
from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.core.ports import BlobWriter
from gateway.session import words
from gateway.session.gate import Gate

Direction = Literal["upload", "download"]
Program = Literal["sftp", "scp", "rsync", "git"]

DONE = "done"

_EFFECTS = {
    "upload": frozenset({Effect.TRANSFER, Effect.WRITE}),
    "download": frozenset({Effect.TRANSFER, Effect.READ}),
    "list": frozenset({Effect.READ}),
    "stat": frozenset({Effect.READ}),
}
_WRITES = frozenset({Effect.WRITE})

log = logging.getLogger("hoop.session")


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path as the person named it, and as the target resolved it. Bytes that are no UTF-8 are surrogates."""

    given: str
    resolved: str = ""
    """Absolute, links followed; empty where that is not known."""

    def __str__(self) -> str:
        if self.resolved in ("", self.given):
            return self.given
        return f"{self.given} ({self.resolved})"


def file_operation(
    verb: str, *paths: FilePath, program: Program, command: str = "", tree: bool | None = None
) -> Operation:
    """What policy judges. `rename` and `link` have two paths; `command` is the line that runs on the target; `tree`
    says whether all that is below the paths is meant too, where that is known."""
    effects = _EFFECTS.get(verb, _WRITES)
    if not all(path.resolved for path in paths):
        effects |= {Effect.UNKNOWN}
    resolved = tuple(path.resolved for path in paths if path.resolved)
    every = dict.fromkeys(text for path in paths for text in (path.given, path.resolved) if text)
    details = {
        "path": paths[0].given,
        "resolved": paths[0].resolved,
        "paths": tuple(every),
        "program": program,
        **({"command": command} if command else {}),
        **({"tree": tree} if tree is not None else {}),
    }
    return Operation(
        verb, f"{verb} {' to '.join(map(str, paths))}", effects, resolved, MappingProxyType(details)
    )


class Transfer:
    """One file, or with rsync and git one tree, on its way. `take` what passes, then `finish` it, or `cut` it."""

    def __init__(
        self, gate: Gate, *, direction: Direction, path: str, resolved: str = "", program: Program
    ) -> None:
        self.size = 0
        """Bytes that were carried."""
        self.in_order = True
        """They were the file's, from its first on, without a gap."""
        self._gate = gate
        self._direction: Direction = direction
        self._path = path
        self._resolved = resolved
        self._program: Program = program
        self._digest = hashlib.sha256()
        self._end: asyncio.Task[None] | None = None
        self._keep_most = int(gate.session.target.options.get("keep_files", 0))
        self._kept = 0
        self._key = ""
        self._blob: BlobWriter | None = None

    @property
    def finished(self) -> bool:
        """Its end is being written down, or has been, or could not be."""
        return self._end is not None

    async def take(self, data: bytes | memoryview, offset: int | None = None) -> None:
        """This is about to pass. `offset` is its place in the file where that is known; otherwise it follows what was
        before. Raises `Fault` where it can not be kept: then it must not pass."""
        if offset is not None and offset != self.size:
            self.in_order = False
        self._digest.update(data)
        self.size += len(data)
        if self._kept < self._keep_most:
            await self._keep(data[: self._keep_most - self._kept])

    async def finish(self, outcome: str = DONE, *, complete: bool = True) -> None:
        """Write down how it ended. `complete`: what was carried reaches to the end of the file. Who comes later waits
        for the first and changes nothing. Raises `Fault`."""
        if self._end is None:
            whole = complete and self.in_order and outcome == DONE
            # A task of its own: whoever is cancelled in the middle, as sessions are, must not lose the entry.
            self._end = asyncio.create_task(self._write_down(outcome, whole), name="end of a transfer")
        await asyncio.shield(self._end)

    async def cut(self, why: str) -> None:
        """It stopped before its end: why, in a few words. For the way out of a session, so it raises nothing: a gate
        that can not write this down has failed already, and says so."""
        try:
            await self.finish(f"cut: {why}", complete=False)
        except Fault as problem:
            log.error("a transfer of %s has no end in the books: %s", self._gate.session.id, problem.sentence)

    async def _write_down(self, outcome: str, whole: bool) -> None:
        await self._close_blob()
        sha256 = self._digest.hexdigest()
        mark = {
            "kind": "file",
            "text": f"{self._direction} {self._path} {self.size} bytes" + _how(outcome, whole),
            "direction": self._direction,
            "path": self._path,
            "resolved": self._resolved,
            "size": self.size,
            "sha256": sha256,
            "whole": whole,
            "outcome": outcome,
        }
        await self._gate.observe(FrameKind.MARK, json.dumps(mark).encode())
        await self._gate.report(
            FileTransferred(
                direction=self._direction,
                path=self._path,
                resolved=self._resolved,
                program=self._program,
                size=self.size,
                sha256=sha256,
                whole=whole,
                outcome=outcome,
                kept=self._key,
            )
        )

    async def _keep(self, data: bytes | memoryview) -> None:
        try:
            if self._blob is None:
                self._key, self._blob = await self._gate.keepsake()
            await self._blob.append(bytes(data))
        except Fault as problem:
            self._gate.fail(words.NOT_KEPT)
            raise Fault(words.NOT_KEPT) from problem
        self._kept += len(data)

    async def _close_blob(self) -> None:
        blob, self._blob = self._blob, None
        if blob is None:
            return
        try:
            await blob.close()
        except Fault as problem:
            self._gate.fail(words.NOT_KEPT)
            raise Fault(words.NOT_KEPT) from problem


def _how(outcome: str, whole: bool) -> str:
    if outcome != DONE:
        return f", {outcome}"
    return "" if whole else ", a part"
