"""How a command ends: an error's exit code and its one sentence on stderr."""

from gateway.core.errors import HoopError, Misconfigured

ERROR, USAGE, NOT_FOUND, NOT_VERIFIED, INTERRUPTED = 1, 2, 7, 10, 130


class BadUsage(HoopError):
    """The command can not be run as it was given."""


class NotFound(HoopError):
    """What was named does not exist."""


class NotVerified(HoopError):
    """A recording is not what was written."""


_CODES: tuple[tuple[type[HoopError], int], ...] = (
    (BadUsage, USAGE),
    (Misconfigured, USAGE),
    (NotFound, NOT_FOUND),
    (NotVerified, NOT_VERIFIED),
)


def code_of(problem: HoopError) -> int:
    """The exit code for `problem`."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), ERROR)
