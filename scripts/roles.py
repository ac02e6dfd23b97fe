"""Writes docs/roles.md: who may do what, from the table that tests hold the gateway to. Called by scripts/roles."""

import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hoop_tui.keymap import KEYS, PLACES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "roles.md"

INTRODUCTION = """\
# Roles

What somebody may do with the gateway itself: its API, and everything that is built on it. Which targets somebody
reaches, and what they may do there, is said by [rules](rules.md). The tables on this page are made by
`scripts/roles` from `tests/api/role_table.txt`; a test calls every route as everybody and compares the answers.

| role | for |
|---|---|
| `person` | everybody: signs in, reaches targets, sees and ends what is their own |
| `approver` | decides what is held for approval, so they see every session and recording; they steer none |
| `auditor` | sees everything, and changes nothing |
| `operator` | also steers and ends sessions, locks people out, revokes tokens and certificates |
| `admin` | also lets people in again |

Everybody is a `person`. The other roles come from the groups of [`[roles]`](configuration.md#roles), or from
`roles` of a [`[[person]]`](configuration.md#person). They are looked up at each use: who loses a group loses what
it brought. Somebody with several roles may do what any of them may.

- **Nobody** resumes their own session when somebody else has paused it, locks themselves, unlocks themselves, or
  gives themselves a role: roles are in the configuration only.
- **Deciding about a request** takes the role of an approver, and one of the groups that the request asks; and it is
  never one's own. Whoever is in such a group sees what asks it, whatever their roles.
- **An operator can lock an admin.** Stopping somebody has to be quick; letting them in again takes another admin,
  or `hoop-gateway person unlock` on the gateway's own machine.
- **A token** has the roles that it was made with and that its person still has. It gets no other token with more.
  Without the role `person` it opens no way to targets: no certificate, no password for a database.
- **A sign-in by code** (device flow) has the roles of `device_roles` only, which is `person` where nothing else is
  said.
- **A machine's token** is told what it stands for, and gets certificates and passwords for databases for the
  targets of its machine. Everything else is forbidden, and its groups bring it no roles. What is a machine's (its
  secrets, its tokens) belongs to its owner, who can see and end it.
- **A password for a database** and a machine's secret are not for the API at all.

What somebody may not know of does not exist for them (404, the same answer as for what was never there); what they
may see and not do is forbidden (403), in a sentence that says what it takes. Every change is in the audit log, with
who did it ([events.md](events.md)), before it takes effect.

## Every route

| word | one's own | others' |
|---|---|---|
| all | yes | yes |
| own | yes | does not exist |
| sees | yes | can be seen, and this is forbidden |
| others | forbidden | yes |
| never | forbidden | does not exist |
| no | forbidden | forbidden |
| open | for whoever calls, also without a token | |

A list leaves out what does not exist for its reader. Without a token, or with one that is wrong, over, revoked, not
for the API, or of somebody who is locked, every route that is not open answers 401.
"""

KEYS_OF_THE_APP = """\
## Every key of the app

What the keys of `hoop-tui` ask of the gateway ([tui.md](tui.md)). What the gateway answers to it is in the table
above.
"""


def table(titles: list[str], rows: Iterable[list[str]]) -> str:
    """As Markdown has it."""
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def routes(read: dict[str, Any]) -> str:
    """One row for each route."""
    rows = [
        [
            f"`{line.method} {line.path}`",
            "sign in" if line.action == "-" else line.action,
            *line.cells.values(),
        ]
        for line in read["read"]()
    ]
    return table(["route", "to", *read["CALLERS"]], rows)


def keys(read: dict[str, Any]) -> str:
    """One row for each key that asks for anything; the others together."""
    asks = {(row.place, name): row.asks for row in read["read_keys"]() for name in row.keys}
    rows, silent = [], 0
    for key in KEYS:
        wanted = asks[key.place, key.action.partition("(")[0]]
        if wanted:
            rows.append([PLACES[key.place], f"`{key.shown}`", key.does, ", ".join(wanted)])
        else:
            silent += 1
    return table(["where", "key", "does", "asks to"], rows) + f"\nThe other {silent} keys ask for nothing.\n"


def page() -> str:
    """docs/roles.md as it should be."""
    read = runpy.run_path(str(ROOT / "tests" / "api" / "role_table.py"))
    return "\n".join([INTRODUCTION, routes(read), KEYS_OF_THE_APP, keys(read)])


def main(arguments: list[str]) -> int:
    wanted = page()
    if arguments != ["--check"]:
        PAGE.write_text(wanted, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        print("docs/roles.md is not current: run scripts/roles.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
