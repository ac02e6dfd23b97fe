"""The verbs that an Operation can have, and which of them have a path, a destination or a command line.

Words only: rules are checked against them when they are read, and operations when they are judged.
"""

FILE_VERBS = (
    "upload",
    "download",
    "list",
    "stat",
    "remove",
    "rename",
    "mkdir",
    "rmdir",
    "link",
    "chmod",
)
"""What can be done to files: these have a path."""

FORWARD_VERBS = ("forward", "listen")
"""Connections beside the session: these have a destination."""

VERBS = ("exec", "shell", "subsystem", "typed", *FILE_VERBS, *FORWARD_VERBS, "sign")

COMMAND_VERBS = ("exec", "typed", "upload", "download")
"""These have a command line. Of transfers only those that a command carries: scp -O, rsync and git."""

HAVE_IT = {"command": COMMAND_VERBS, "path": FILE_VERBS, "destination": FORWARD_VERBS}
"""Fields that only some verbs have."""

TWO_PATHS = ("rename", "link")
"""A file gets another name: with it, what is kept from one path could be reached by another."""

SAME_AS_TWO_PATHS = ("upload", "download", "remove")
"""What a second name would be a way round of."""

CARRIES_CONTENT = ("download", *FORWARD_VERBS)
"""Bytes that no mask can look into reach the person by these."""

MASKED_VERBS = ("exec", "shell", "subsystem", *CARRIES_CONTENT)
"""These bring something to the person that a mask can be about."""
