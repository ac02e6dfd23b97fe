"""`ImpactSource` for SSH targets: what is there of the files that an operation would remove, move or overwrite.

It signs in as the account of the request with the gateway's own credential, looks by SFTP alone, and runs and changes
nothing. What will be written is known only where it is copied or moved from a file that is there.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

import asyncssh

from gateway.adapters.ssh.impact.changes import changed_lines
from gateway.adapters.ssh.impact.files import Finder, Found
from gateway.adapters.ssh.target.reading import NotRead, TargetFiles
from gateway.adapters.ssh.upstream import Dialler
from gateway.core.errors import Unreachable
from gateway.core.impact import Impact, ImpactLine, ImpactQuestion, ImpactTable, ImpactText
from gateway.session.touching import MOVING, REMOVING, WRITING, Touch, masked, touches, why_not

TEXT_MOST = 16 << 10
"""Bytes of a present file that are shown."""
ROWS_MOST = 200
COLUMNS = ("name", "kind", "bytes", "mode", "owner", "changed")
NO_DRY_RUN = "what is done to files can not be taken back"


class SshImpact:
    """For all SSH targets."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler

    def can(self, question: ImpactQuestion) -> str | None:
        """None: the line or the operation names files."""
        return why_not(question) or None

    async def measure(self, question: ImpactQuestion, *, dry_run: bool) -> Impact:
        """Raises `Unreachable`."""
        if dry_run:
            return Impact(refused=NO_DRY_RUN, no_dry_run=NO_DRY_RUN)
        began = time.monotonic()
        approval = question.approval
        login = str(approval.facts.get("login") or question.target.user)
        who = f"{approval.session or approval.id} {approval.facts.get('person') or approval.requester}"
        async with self._dialler.reach(question.target, login, who) as reached:

            async def connection() -> object:
                return reached.connection

            files = TargetFiles(connection)  # type: ignore[arg-type]  # it is one
            try:
                finder = Finder(await files.client())
                look = _Look(finder, files)
                for touch in touches(question):
                    await look.at(touch)
            except (NotRead, asyncssh.Error, OSError) as problem:
                raise Unreachable(f"{question.target.name} offers no SFTP to look by") from problem
            finally:
                files.stop()
        return masked(look.impact(round((time.monotonic() - began) * 1000)), question.masks)


class _Look:
    """At one operation's files."""

    def __init__(self, finder: Finder, files: TargetFiles) -> None:
        self._finder = finder
        self._files = files
        self._lines: list[ImpactLine] = []
        self._tables: list[ImpactTable] = []
        self._texts: list[ImpactText] = []
        self._compared: set[str] = set()

    async def at(self, touch: Touch) -> None:
        """Raises what asyncssh raises."""
        if touch.why:
            self._lines.append(ImpactLine(" ", f"{touch.does} {touch.name}: {touch.why}"))
            return
        found = await self._finder.find(touch.parts)
        if touch.into and len(found) == 1 and found[0].kind in ("directory", "link") and touch.sources:
            inside = [
                await self._finder.look(found[0].path + b"/" + name.encode("utf-8", "surrogateescape"))
                for name in touch.sources
            ]
            found = [each for each in inside if each is not None]
        if not found:
            self._lines.append(
                ImpactLine(" ", f"{touch.does} {touch.name}: nothing of that name is there now")
            )
            return
        await self._summed(touch, found)
        rows = tuple(each.row for each in found[:ROWS_MOST])
        self._tables.append(ImpactTable(f"{touch.does} {touch.name}", COLUMNS, rows))
        if len(found) == 1 and found[0].kind == "file" and touch.does in (WRITING, REMOVING):
            await self._present(found[0], touch)

    async def _summed(self, touch: Touch, found: Sequence[Found]) -> None:
        size = sum(each.size for each in found if each.kind == "file")
        sign: Literal["-", " "] = "-" if touch.does in (REMOVING, MOVING, WRITING) else " "
        named = f"{len(found):,} {'entry' if len(found) == 1 else 'entries'}"
        self._lines.append(ImpactLine(sign, f"{touch.does} {touch.name}: {named}, {size:,} bytes in files"))
        for each in found if touch.tree else ():
            if each.kind == "directory":
                count, inner = await self._finder.below(each.path)
                text = f"{each.name} has {count:,} entries with all that is in it, {inner:,} bytes"
                self._lines.append(ImpactLine(sign, text))

    async def _present(self, found: Found, touch: Touch) -> None:
        """What is lost by it, and what comes in its place where that is there already."""
        before = await self._read(found)
        origin = await self._finder.find(touch.origin) if touch.origin else []
        if len(origin) == 1 and origin[0].kind == "file":
            after = await self._read(origin[0])
            changes = await asyncio.to_thread(changed_lines, before, after)
            if changes is not None:
                self._compared.add(touch.name)
                title = f"{found.name}: - as it is now, + as {origin[0].name} is now"
                self._texts.append(ImpactText(title, changes or "nothing: they are the same\n"))
                return
        if before is not None:
            text = before.decode("utf-8", "replace")
            self._texts.append(ImpactText(f"{found.name}, as it is now", text))

    async def _read(self, found: Found) -> bytes | None:
        """None: it is none, or too long."""
        read = await self._files.read(found.name, TEXT_MOST)
        if read.sha256:
            self._lines.append(ImpactLine(" ", f"{found.name} is sha256 {read.sha256} now"))
        return None if read.data is None or b"\0" in read.data else read.data

    def impact(self, took_ms: int) -> Impact:
        """All that was found."""
        written = {t.title.removeprefix(f"{WRITING} ") for t in self._tables if t.title.startswith(WRITING)}
        if written - self._compared:
            self._lines.append(ImpactLine(" ", "what will be written is not known before it is"))
        if self._finder.is_cut:
            self._lines.append(ImpactLine(" ", "there is more than was looked at: these are not all"))
        self._lines += [ImpactLine(" ", f"not looked at: {each}") for each in self._finder.troubles[:20]]
        return Impact(
            tuple(self._lines),
            tuple(self._tables),
            tuple(self._texts),
            took_ms=took_ms,
            rows=sum(len(table.rows) for table in self._tables),
            no_dry_run=NO_DRY_RUN,
        )
