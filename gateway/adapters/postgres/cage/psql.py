"""How psql is called in the cage: for one person, on one target, with nothing of anybody's settings. Values only."""

from collections.abc import Mapping

DIRECTORY = "/gateway"
"""Where psql believes the socket to be. Nothing is there: whatever it connects to, it gets the gateway."""


def arguments(command: str) -> list[str]:
    """No settings of the account, no passwords asked for, no pager; and the command, if there is one."""
    return ["-X", "-w", "--pset=pager=off", *(["-c", command] if command else [])]


def environment(user: str, database: str, term: str) -> Mapping[str, str]:
    """All that psql finds in its environment. It keeps no history, and edits nothing."""
    return {
        "LANG": "C.UTF-8",
        "TERM": term or "dumb",
        "HOME": "/nonexistent",
        "PATH": "",
        "INPUTRC": "/dev/null",
        "PSQL_HISTORY": "/dev/null",
        "PGHOST": DIRECTORY,
        "PGUSER": user,
        "PGDATABASE": database,
        "PGSSLMODE": "disable",
        "PGGSSENCMODE": "disable",
        "PGPASSFILE": "/nonexistent",
        "PGSERVICEFILE": "/nonexistent",
    }
