"""What the operating system complained about, in one plain sentence."""

import errno

from gateway.core.errors import Fault

FULL = "the disk for recordings is full"
_SENTENCES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the disk quota for recordings is used up",
    errno.EROFS: "the disk for recordings is read-only",
    errno.EIO: "the disk for recordings reports an error",
    errno.EFBIG: "a recording has reached the size that the system allows",
    errno.EACCES: "the directory for recordings may not be written",
    errno.EPERM: "the directory for recordings may not be written",
    errno.EMFILE: "too many files are open to start a recording",
    errno.ENFILE: "too many files are open to start a recording",
    errno.EEXIST: "a recording of this name exists already",
    errno.ELOOP: "there is a link where the directory for recordings should be",
    errno.ENOTDIR: "there is a file or link where the directory for recordings should be",
}


def fault(problem: OSError) -> Fault:
    """The `Fault` to raise from `problem`. Names no path: people see it who may not know the machine."""
    known = _SENTENCES.get(problem.errno or 0)
    return Fault(known or f"recordings can not be written ({(problem.strerror or 'unknown error').lower()})")
