"""What a transfer that was asked for on a command line reads like to policy: scp -O, rsync and git.

The words for one file are those of `gateway/session/files.py`; this adds what only command lines have: other paths
that may be meant, and whole trees of files.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.adapters.ssh.files.recognise import FileCommand
from gateway.core.operation import Effect, Operation
from gateway.session.files import FilePath, file_operation


@dataclass(frozen=True, slots=True)
class Place:
    """One path: as the person named it, and what the target says that it is."""

    given: str
    real: str = ""
    """Absolute and without links; "" where that is not known."""
    asked: str | None = None
    """What to ask the target's SFTP server for; None where only a shell knows."""
    also: tuple[str, ...] = ()
    """Other paths that may be meant."""


def operation_on(
    place: Place, verb: str, command: FileCommand, *, tree: bool = False, certain: bool = True
) -> Operation:
    """`tree`: all that is below it too. Not `certain`: more may be read or written than the path says."""
    resolved = place.real if certain else ""
    plain = file_operation(
        verb, FilePath(place.given, resolved), program=command.program, command=command.line
    )
    paths = dict.fromkeys(path for path in (place.given, place.real, *place.also) if path)
    extra = {"paths": tuple(paths), "tree": tree}
    effects = plain.effects if certain else plain.effects | {Effect.UNKNOWN}
    return replace(plain, effects=effects, details=MappingProxyType({**plain.details, **extra}))
