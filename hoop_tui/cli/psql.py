"""`hoop-tui psql`: the stock psql through the gateway, with a password that lasts for this once."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hoop_tui.cli.printing import complain
from hoop_tui.errors import GatewayTrouble
from hoop_tui.login.database import psql_environment, way_to
from hoop_tui.login.renewal import token_of, usable_sign_in
from hoop_tui.sign_in import config_dir

_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def run_psql(target: str, arguments: Sequence[str], gateway: str, token_file: Path | None) -> int:
    """Becomes psql. Comes back with an exit code only where that did not happen."""
    if not _TARGET.fullmatch(target):
        return complain("A target is named like appdb; the account is psql's: -U app_rw.", 2)
    try:
        sign_in = usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
        way = way_to(target, sign_in, token_of(sign_in))
        environ = psql_environment(way, target, config_dir(os.environ), os.environ)
    except GatewayTrouble as trouble:
        return complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return complain(str(problem), 2)
    except OSError as problem:
        return complain(f"The gateway's authority can not be kept: {problem.filename or problem}", 1)
    sys.stdout.flush()
    try:
        os.execvpe("psql", ["psql", *arguments], environ)  # noqa: S606
    except OSError:
        return complain("There is no psql here; install the client of PostgreSQL.", 1)
