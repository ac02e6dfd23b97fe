"""The emulator's own process: reads requests from one pipe, answers on another, ends when either closes.

Started by `worker.py` with the two pipes' numbers and the patience in seconds. It can be crashed by what it is
fed; that is why it exists. It opens nothing, writes nothing and hears no signals of the terminal.
"""

import os
import resource
import signal
import sys

from hoop_tui.replay.emulator import EmulatorFailed
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.worker_wire import (
    LARGEST_MESSAGE,
    LENGTH,
    Act,
    Answer,
    pack_screen,
    unpack_acts,
    unpack_size,
)

_MEMORY = 1 << 30


def main() -> None:
    """`worker_main READ_FD WRITE_FD PATIENCE`."""
    source, sink, patience = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The app gives up first. This one is for an app that is gone: no orphan may spin for ever.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    emulator = GhosttyEmulator()
    _limit(resource.RLIMIT_AS, _MEMORY)
    _write(sink, bytes([Answer.DONE]))
    while (request := _read(source)) is not None:
        signal.setitimer(signal.ITIMER_REAL, 2 * patience + 5)
        answer = _answer(emulator, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(sink, answer)


def _limit(what: int, most: int) -> None:
    try:
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):  # a system without this limit, or with a stricter one
        return


def _answer(emulator: GhosttyEmulator, request: bytes) -> bytes:
    answer = bytes([Answer.DONE])
    try:
        for act, data in unpack_acts(request):
            match act:
                case Act.FEED:
                    emulator.feed(data)
                case Act.RESIZE:
                    emulator.resize(*unpack_size(data))
                case Act.CLEAR:
                    emulator.clear()
                case Act.SETTLE:
                    emulator.settle()
                case Act.RESTORE:
                    emulator.restore(data)
                case Act.SCREEN:
                    answer += pack_screen(emulator.screen())
                case Act.SNAPSHOT:
                    snapshot = emulator.snapshot()
                    answer = bytes([Answer.NOTHING]) if snapshot is None else answer + snapshot
    except EmulatorFailed as failure:
        return bytes([Answer.FAILED]) + str(failure).encode()
    return answer


def _read(source: int) -> bytes | None:
    head = _read_exactly(source, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    return _read_exactly(source, length) if length <= LARGEST_MESSAGE else None


def _read_exactly(source: int, length: int) -> bytes | None:
    parts: list[bytes] = []
    while length:
        part = os.read(source, min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _write(sink: int, body: bytes) -> None:
    rest = memoryview(LENGTH.pack(len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(sink, rest) :]
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
