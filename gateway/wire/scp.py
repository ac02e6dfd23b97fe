"""The old protocol of scp: what the side that has the files sends (`Source`), and what the other answers (`Answers`).

Both are fed bytes as they come and give events as soon as those are whole. Lines are read strictly, within bounds,
and are written anew from what was read. Contents pass in the pieces they came in. Neither knows who is who, or waits.
"""

import re
from dataclasses import dataclass

from gateway.core.errors import Malformed

LINE_MOST = 16 << 10
SIZE_MOST = (1 << 63) - 1
NAME_MOST = 1024

OK = b"\0"

_TIMES = re.compile(rb"([0-9]{1,20}) ([0-9]{1,6}) ([0-9]{1,20}) ([0-9]{1,6})")
_OFFER = re.compile(rb"([0-7]{4}) ([0-9]{1,19}) (.+)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Times:
    """When the file or directory that follows was changed and read, in seconds."""

    changed: int
    read: int

    def line(self) -> bytes:
        """As it is sent."""
        return b"T%d 0 %d 0\n" % (self.changed, self.read)


@dataclass(frozen=True, slots=True)
class File:
    """A file is offered. If it is wanted, `size` bytes follow."""

    mode: int
    size: int
    name: bytes

    def line(self) -> bytes:
        """As it is sent."""
        return b"C%04o %d %b\n" % (self.mode, self.size, self.name)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory is offered. If it is wanted, what follows is within it, up to `Leave`."""

    mode: int
    name: bytes

    def line(self) -> bytes:
        """As it is sent."""
        return b"D%04o 0 %b\n" % (self.mode, self.name)


@dataclass(frozen=True, slots=True)
class Leave:
    """The directory is at its end."""

    def line(self) -> bytes:
        """As it is sent."""
        return b"E\n"


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something is wrong. `fatal`: who says so gives up."""

    text: bytes
    fatal: bool = False

    def line(self) -> bytes:
        """As it is sent."""
        return b"%c%b\n" % (2 if self.fatal else 1, self.text)


@dataclass(frozen=True, slots=True)
class Contents:
    """More of the file that was wanted."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The file's bytes are all there. With a complaint: they are not what the file holds."""

    complaint: Complaint | None = None

    def line(self) -> bytes:
        """As it is sent."""
        return self.complaint.line() if self.complaint else OK


Offer = File | Directory
Event = Times | File | Directory | Leave | Complaint | Contents | Done


def is_file_name(name: bytes) -> bool:
    """Whether this can be the name of one file in a directory, and be shown without harm."""
    return (
        0 < len(name) <= NAME_MOST
        and name not in (b".", b"..")
        and b"/" not in name
        and not _CONTROL.search(name)
    )


class _Lines:
    """Bytes that came and were not read yet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """More has come."""
        self._rest = self._rest + data if self._rest else data

    def _line(self, start: int) -> bytes | None:
        """The line that begins at `start`, which is taken away with all before it; None where it is not whole."""
        end = self._rest.find(b"\n", start, start + LINE_MOST)
        if end < 0:
            if len(self._rest) - start >= LINE_MOST:
                raise Malformed("a line of scp is too long")
            return None
        line, self._rest = self._rest[start:end], self._rest[end + 1 :]
        return line


class Source(_Lines):
    """The side that has the files. After a `File` that is wanted, call `want`; without it, the next line is read."""

    def __init__(self) -> None:
        super().__init__()
        self._missing: int | None = None
        """Bytes of the contents that have not come; 0 while their status is awaited."""

    def want(self, file: File) -> None:
        """The contents follow."""
        self._missing = file.size

    def next(self) -> Event | None:
        """The next event, or None until more is fed. Raises `Malformed`."""
        if not self._rest:
            return None
        if self._missing is None:
            return self._control()
        if self._missing:
            data = self._rest[: self._missing]
            self._rest = self._rest[len(data) :]
            self._missing -= len(data)
            return Contents(data)
        return self._status()

    def _status(self) -> Done | None:
        first = self._rest[0]
        if first == 0:
            self._rest = self._rest[1:]
            self._missing = None
            return Done()
        if first > 2:
            raise Malformed("after a file's contents scp sends a status")
        text = self._line(1)
        if text is None:
            return None
        self._missing = None
        return Done(Complaint(text, fatal=first == 2))

    def _control(self) -> Event | None:
        line = self._line(0)
        if line is None:
            return None
        first, rest = line[:1], line[1:]
        if first in (b"\1", b"\2"):
            return Complaint(rest, fatal=first == b"\2")
        if line == b"E":
            return Leave()
        if first == b"T" and (times := _TIMES.fullmatch(rest)):
            return Times(int(times[1]), int(times[3]))
        if first in (b"C", b"D") and (offer := _OFFER.fullmatch(rest)):
            mode, size, name = int(offer[1], 8), int(offer[2]), offer[3]
            if size <= SIZE_MOST:
                return File(mode, size, name) if first == b"C" else Directory(mode, name)
        raise Malformed(line.decode("utf-8", "replace"))


class Answers(_Lines):
    """The side that gets the files."""

    def next(self) -> bytes | Complaint | None:
        """`OK` or a complaint, or None until more is fed. Raises `Malformed`."""
        if not self._rest:
            return None
        first = self._rest[0]
        if first == 0:
            self._rest = self._rest[1:]
            return OK
        # Anything else than a status is said by a shell that did not start scp.
        text = self._line(1 if first <= 2 else 0)
        return None if text is None else Complaint(text, fatal=first != 1)
