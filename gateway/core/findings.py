"""Audit events about what went on in a session beside its operations: files carried, lines read, forwards, agents.

They are events as those of `core.events`, and kept the same way.
"""

from dataclasses import dataclass
from typing import ClassVar

from gateway.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransferred(Event):
    """A file, or with rsync and git a tree, was carried: all of it or a part."""

    name: ClassVar[str] = "file.transferred"
    direction: str
    """`upload` toward the target, `download` toward the person."""
    path: str
    """As the person named it."""
    resolved: str = ""
    """What the target said that this is, symbolic links followed; empty where it could not say."""
    program: str
    """`sftp`, `scp`, `rsync` or `git`."""
    size: int
    """Bytes that were carried."""
    sha256: str
    """Of the bytes that were carried, in the order of the file where `whole`, else in the order they came."""
    whole: bool
    """The file was carried from its first byte to its last, without a gap."""
    outcome: str = "done"
    """`done`, or in a few words why it stopped."""
    kept: str = ""
    """Key of the kept content among the blobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRead(Event):
    """A line that somebody ran inside an interactive program, read from the screen: an aid, not evidence."""

    name: ClassVar[str] = "command.read"
    text: str
    sha256: str
    confidence: str
    """`high`: witnesses agree. `medium`: only one could tell. `low`: they disagree, or nothing could be seen."""
    witnesses: list[str]
    """Who said so: `screen`, `keys`, `zone`, `shell`."""
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardEnded(Event):
    """A forwarded connection is over."""

    name: ClassVar[str] = "forward.ended"
    way: str
    """`to`: from the person to `destination`. `back`: from the target's `destination` to the person."""
    destination: str
    origin: str = ""
    bytes_toward: int = 0
    bytes_back: int = 0
    sha256_toward: str = ""
    sha256_back: str = ""
    content: str = ""
    """`whole`, `cut` or `none`: how much of the bytes is in the recording."""
    outcome: str = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAsked(Event):
    """A target used the person's forwarded agent."""

    name: ClassVar[str] = "agent.asked"
    what: str
    """`list`, `sign`, or in words what is never granted, such as `remove all keys`."""
    key: str = ""
    """The fingerprint of the key that was to sign."""
    granted: bool = True
