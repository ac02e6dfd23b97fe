"""The verbs that an Operation can have, and which of them have a path, a destination, a command line or tables.

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

CONNECT = "connect"
"""Coming in, before anything is asked of the target. Only rules that name it have a say about it."""

SSH_VERBS = (CONNECT, "exec", "shell", "subsystem", "typed", *FILE_VERBS, *FORWARD_VERBS, "sign")

ROW_VERBS = ("select", "insert", "update", "delete", "merge", "copy")
"""Statements that read or change rows, of which somebody may estimate how many."""

OPAQUE_VERBS = ("do", "call", "execute", "fetch", "move", "function", "unknown")
"""Statements that do what stands somewhere else."""

_QUERY_VERBS = ("select", "insert", "update", "delete", "merge", "copy", "explain", "prepare", "declare")
_TABLE_ONLY_VERBS = (
    *("drop", "truncate", "grant", "revoke", "comment", "security-label", "import", "reassign"),
    *("lock", "vacuum", "analyze", "cluster", "reindex", "refresh"),
)
_NAMELESS_VERBS = (
    *("begin", "commit", "rollback", "savepoint", "release", "prepare-transaction"),
    *("set", "show", "reset", "discard", "deallocate", "close"),
    *("listen", "unlisten", "notify", "checkpoint", "load", "empty"),
)
_FUNCTION_VERBS = (*_QUERY_VERBS, "create", "alter", *OPAQUE_VERBS)

HOLDING_VERBS = (*_QUERY_VERBS, "create")
HELD_VERBS = ("select", "insert", "update", "delete", "merge", "create", "execute", "declare", "refresh")
"""Statements that may hold another one, and which those may be."""

SQL_VERBS = (*_QUERY_VERBS, "create", "alter", *_TABLE_ONLY_VERBS, *_NAMELESS_VERBS, *OPAQUE_VERBS)
"""What a statement can be. `listen` is another thing here than it is over SSH."""

VERBS_OF = {"ssh": SSH_VERBS, "postgres": (CONNECT, *SQL_VERBS)}
PROTOCOLS = tuple(VERBS_OF)
DATABASES = ("postgres",)
VERBS = tuple(dict.fromkeys((*SSH_VERBS, *SQL_VERBS)))

COMMAND_VERBS = ("exec", "typed", "upload", "download")
"""These have a command line. Of transfers only those that a command carries: scp -O, rsync and git."""

HAVE_IT = {
    "command": ("ssh", COMMAND_VERBS),
    "argv": ("ssh", COMMAND_VERBS),
    "path": ("ssh", FILE_VERBS),
    "destination": ("ssh", FORWARD_VERBS),
    "table": ("postgres", (*_FUNCTION_VERBS, *_TABLE_ONLY_VERBS)),
    "column": ("postgres", (*_FUNCTION_VERBS, *_TABLE_ONLY_VERBS)),
    "function": ("postgres", _FUNCTION_VERBS),
    "has_where": ("postgres", (*_QUERY_VERBS, "create", *OPAQUE_VERBS)),
    "rows": ("postgres", (*_QUERY_VERBS, "create", *OPAQUE_VERBS)),
    "statement": ("postgres", SQL_VERBS),
}
"""Fields that only some verbs of one protocol have. `statement` is no field: it is what `when` asks of."""

NEVER_HELD = ("stat",)
"""Clients look before whatever they do, and such looks are too small to ask people about."""

TWO_PATHS = ("rename", "link")
"""A file gets another name: with it, what is kept from one path could be reached by another."""

SAME_AS_TWO_PATHS = ("upload", "download", "remove")
"""What a second name would be a way round of."""

CARRIES_CONTENT = ("download", *FORWARD_VERBS)
"""Bytes that no mask can look into reach the person by these."""

MASKED_VERBS = {"ssh": ("exec", "shell", "subsystem", *CARRIES_CONTENT), "postgres": SQL_VERBS}
"""These bring something to the person that a mask can be about."""
