"""What lies in the demo's scratch directory: a small web server's home, with a few secrets to be masked.

All names and numbers are invented; the card numbers are the well-known test numbers of card schemes.
"""

from pathlib import Path

_CUSTOMERS = """\
id,name,email,card
1001,Ada Lovelace,ada@example.com,4111 1111 1111 1111
1002,Alan Turing,alan@example.com,5555 5555 5555 4444
1003,Grace Hopper,grace@example.org,3782 822463 10005
1004,Edsger Dijkstra,edsger@example.net,6011 1111 1111 1117
"""

_LOG = """\
2026-11-20T09:11:58Z INFO  GET /v1/orders 200 12ms
2026-11-20T09:12:01Z ERROR POST /v1/refunds 500 database password=hunter2-staging refused
2026-11-20T09:12:04Z INFO  GET /healthz 200 1ms
2026-11-20T09:12:09Z WARN  slow query 1204ms select * from orders
"""

_NOTES = """\
Runbook 12: rotating logs

1. Do not delete a log that a process has open.
2. Use `logrotate -f /etc/logrotate.d/app`.
3. Tell #web when it is done.
"""

_APP_ENV = """\
APP_ENV=production
DATABASE_URL=postgres://app:s3cr3t-in-a-file@db-1.internal:5432/app
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
"""

_BASHRC = """\
PS1='deploy@web-1:\\w$ '
alias ll='ls -l --color=auto'
alias ls='ls --color=auto'
HISTFILE=
"""

FILES = {
    "customers.csv": _CUSTOMERS,
    "log/app.log": _LOG,
    "notes.txt": _NOTES,
    "app.env": _APP_ENV,
    ".bashrc": _BASHRC,
}


def fill(home: Path) -> None:
    """Write the files under `home`."""
    for name, content in FILES.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
