"""Seccomp: which system calls a caged process may still make, and who answers when it asks for a socket.

Landlock keeps it from files; it can not keep it from the other Unix sockets of the machine, nor from changing what
belongs to its own account. So here a process gets no socket from the kernel: it asks, and whoever holds the listener
gives it one that is connected already. `connect` succeeds and does nothing. It knows nothing of psql.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCH = 0, 4
_KILL, _ERRNO, _ASK, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FC0_0000, 0x7FFF_0000
_FIRST_X32 = 0x4000_0000
_SET_FILTER, _NEW_LISTENER = 1, 1 << 3
_AF_UNIX = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """The numbers of one architecture."""

    arch: int
    seccomp: int
    socket: int
    connect: int
    to_process: tuple[int, ...]
    """Calls whose first argument is a process: kill, tgkill."""
    limits: int
    """prlimit64, whose first argument is 0 for oneself."""
    denied: tuple[int, ...]


_EVERYWHERE = (
    *(424, 434, 438),  # pidfd_send_signal, pidfd_open, pidfd_getfd
    *(425, 426, 427),  # io_uring, which makes calls that no filter sees
    *(428, 429, 430, 431, 432, 433, 442),  # mounts
    *(435, 440, 452),  # clone3, process_madvise, fchmodat2
)
MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        arch=0xC000_003E,
        seccomp=317,
        socket=41,
        connect=42,
        to_process=(62, 234),
        limits=302,
        denied=(
            *_EVERYWHERE,
            *(56, 57, 58, 200),  # clone, fork, vfork, tkill
            *(43, 288, 49, 50, 53),  # accept, accept4, bind, listen, socketpair
            *(161, 155, 165, 166, 272, 308),  # chroot, pivot_root, mounts, namespaces
            *(101, 310, 311, 312, 298, 321, 323),  # ptrace and its like, perf, bpf, userfaultfd
            *(248, 249, 250, 303, 304, 135, 160),  # keys, file handles, personality, setrlimit
            *(90, 91, 268, 92, 93, 94, 260),  # chmod, chown
            *(188, 189, 190, 197, 198, 199, 132, 235, 261, 280),  # attributes, times
        ),
    ),
    "aarch64": Machine(
        arch=0xC000_00B7,
        seccomp=277,
        socket=198,
        connect=203,
        to_process=(129, 131),
        limits=261,
        denied=(
            *_EVERYWHERE,
            *(220, 130),  # clone, tkill
            *(202, 242, 200, 201, 199),  # accept, accept4, bind, listen, socketpair
            *(51, 41, 40, 39, 97, 268),  # chroot, pivot_root, mounts, namespaces
            *(117, 270, 271, 272, 241, 280, 282),  # ptrace and its like, perf, bpf, userfaultfd
            *(217, 218, 219, 264, 265, 92, 164),  # keys, file handles, personality, setrlimit
            *(52, 53, 54, 55),  # chmod, chown
            *(5, 6, 7, 14, 15, 16, 88),  # attributes, times
        ),
    ),
}


def machine() -> Machine | None:
    """The numbers for this machine; None where they are not known."""
    return MACHINES.get(platform.machine())


def shut_in(here: Machine) -> int:
    """Restrict this process, for good, and whatever it becomes. Returns the listener, at which its requests for
    sockets come in. It must have no new privileges already. Raises `OSError`."""
    program = _filter(here, os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("=H6xQ", len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    listener = _libc.syscall(
        here.seccomp, ctypes.c_uint(_SET_FILTER), ctypes.c_uint(_NEW_LISTENER), described
    )
    if listener < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(listener)


def _filter(here: Machine, own: int) -> bytes:
    """The filter: a list of questions about one call, each with its own answer."""
    refuse = _ERRNO | errno.EPERM
    parts = [
        _load(_ARCH),
        *_unless_equal(here.arch, _KILL),
        _load(_NUMBER),
        _INSTRUCTION.pack(_JUMP_AT_LEAST, 0, 1, _FIRST_X32),
        _answer(refuse),
        *_when_equal(here.connect, _answer(_ERRNO)),
        *_when_equal(
            here.socket,
            _load(_argument(0)),
            *_when_equal(_AF_UNIX, _answer(_ASK)),
            _answer(_ERRNO | errno.EACCES),
        ),
        *(
            part
            for number in here.to_process
            for part in _when_equal(
                number, _load(_argument(0)), *_when_equal(own, _answer(_ALLOW)), _answer(refuse)
            )
        ),
        *_when_equal(here.limits, _load(_argument(0)), *_when_equal(0, _answer(_ALLOW)), _answer(refuse)),
        *(part for number in here.denied for part in _when_equal(number, _answer(refuse))),
        _answer(_ALLOW),
    ]
    return b"".join(parts)


def _load(offset: int) -> bytes:
    return _INSTRUCTION.pack(_LOAD, 0, 0, offset)


def _argument(number: int) -> int:
    """Its lower half: none of those that are looked at is a pointer."""
    return 16 + 8 * number


def _answer(answer: int) -> bytes:
    return _INSTRUCTION.pack(_RETURN, 0, 0, answer)


def _when_equal(value: int, *then: bytes) -> list[bytes]:
    return [_INSTRUCTION.pack(_JUMP_EQUAL, 0, len(then), value), *then]


def _unless_equal(value: int, answer: int) -> list[bytes]:
    return [_INSTRUCTION.pack(_JUMP_EQUAL, 1, 0, value), _answer(answer)]
