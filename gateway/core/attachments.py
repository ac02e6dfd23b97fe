"""Files that a held command runs, as they were when it was looked into: what people are shown beside the command.

The digest of the operation covers them, so that a yes is a yes to these contents. How they are fetched and found is
not known here: `gateway/session/looking.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

SHELL, PROGRAM = "shell", "program"
"""What reads a file: a shell, whose rules about commands look into it too; or anything else."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file, or what can be said of it instead."""

    name: str
    """As the command names it."""
    path: str = ""
    """What that is on the target, links followed. Empty: not known."""
    size: int = 0
    sha256: str = ""
    """Of all its bytes. Empty: they were not read."""
    text: str = ""
    """All of it, where it is shown. Bytes that are no UTF-8 are surrogates."""
    why: str = ""
    """Why it is not shown: a clause."""
    inside: str = ""
    """The name of the file that runs it; empty: the command itself."""
    reader: str = PROGRAM

    @property
    def is_script(self) -> bool:
        """A shell runs what it holds."""
        return self.reader == SHELL and bool(self.text)

    def as_kept(self) -> dict[str, Any]:
        """For the ledger."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


UNREAD = Attachment("a file that nobody has looked into", reader=SHELL)
"""As if it held whatever a rule is about: to learn whether looking would make a difference."""


def kept(each: dict[str, Any]) -> Attachment:
    """From the ledger."""
    return Attachment(**each)


def masked(each: Attachment, text: str) -> Attachment:
    """The same file, with other words in the place of what nobody is to see. Its digest stays that of the file."""
    return replace(each, text=text)


def digest(text: str, attachments: Sequence[Attachment]) -> str:
    """Of a command and of all that it is shown with."""
    whole = sha256(text.encode("utf-8", "surrogateescape"))
    if attachments:
        shown = [[a.name, a.path, a.size, a.sha256, a.why, a.inside, a.reader] for a in attachments]
        whole.update(b"\0hoop attachments 1\0" + json.dumps(shown).encode())
    return whole.hexdigest()


def changed(before: Sequence[Attachment], after: Sequence[Attachment], since: str) -> str:
    """What is not as it was: one clause, or nothing. `since` it was so."""
    for old, new in zip(before, after, strict=False):
        if digest("", [old]) == digest("", [new]):
            continue
        if old.name == new.name and old.sha256 and not new.sha256:
            return f"{old.name} can not be read again ({new.why})"
        return f"{old.name} has changed since it was {since}"
    if len(before) != len(after):
        return f"what it runs has changed since it was {since}"
    return ""
