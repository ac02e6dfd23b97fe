"""`hoop-tui ssh`: the stock ssh through the gateway, with a certificate that is good."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hoop_tui.cli.printing import complain
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.login import ssh_files
from hoop_tui.login.renewal import token_of, usable_sign_in
from hoop_tui.login.ssh_access import Place, open_access, ssh_command, standing_access
from hoop_tui.sign_in import SignIn, config_dir, find_sign_in

_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]{0,200}")


def run_ssh(target: str, arguments: Sequence[str], gateway: str, token_file: Path | None) -> int:
    """Becomes ssh. Comes back with an exit code only where that did not happen."""
    if not _TARGET.fullmatch(target):
        return complain("A target is named like web-1, or postgres%web-1 for another account of it.", 2)
    try:
        place, options = _way(gateway, token_file)
    except GatewayTrouble as trouble:
        return complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return complain(str(problem), 2)
    except OSError as problem:
        return complain(f"The certificate can not be kept: {problem.filename or problem}", 1)
    sys.stdout.flush()
    try:
        os.execvp("ssh", ssh_command(place, options, target, arguments))  # noqa: S606
    except OSError:
        return complain("There is no ssh here; install OpenSSH.", 1)


def _way(gateway: str, token_file: Path | None) -> tuple[Place, list[str]]:
    """Where to, and how. A certificate that lasts is enough, whatever became of the sign-in."""
    environ = os.environ
    known = find_sign_in(dict(environ), gateway=gateway, token_file=token_file)
    try:
        sign_in = usable_sign_in(environ, gateway=gateway, token_file=token_file)
    except NotSignedIn:
        standing = standing_access(known.gateway, environ)
        if standing is None:
            raise
        return standing
    standing = standing_access(sign_in.gateway, environ) if sign_in.gateway else None
    return standing or _renewed(sign_in)


def _renewed(sign_in: SignIn) -> tuple[Place, list[str]]:
    token_of(sign_in)
    access = open_access(sign_in, os.environ, known_hosts=False)
    if access.in_agent:
        return access.place, []
    directory = ssh_files.gateway_directory(config_dir(os.environ), sign_in.gateway)
    return access.place, ssh_files.ssh_options(directory)
