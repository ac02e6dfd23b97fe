"""`hoop-tui token`: a password for a database on standard output, alone. It runs before every `psql`, so it is lean.

It imports neither the app's toolkit nor the models of the API, unless there is something to complain about.
"""

import os
import sys
from pathlib import Path

from hoop_tui.cli.spans import seconds_of
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.login.answers import SIGN_IN_NEEDED, read_signed_in, refusal
from hoop_tui.login.door import Door
from hoop_tui.login.renewal import token_of, usable_sign_in


def database_token(target: str, span: str = "", gateway: str = "", token_file: Path | None = None) -> int:
    """Exit code. The token goes to stdout, everything else to stderr."""
    try:
        asked: dict[str, object] = {"kind": "database", "target": target}
        if span:
            asked["ttl"] = seconds_of(span)
        sign_in = usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
        token = token_of(sign_in)
        reply = Door(sign_in.gateway).ask("POST", "/v1/tokens", asked, token)
        if reply.status == 401:
            raise NotSignedIn(SIGN_IN_NEEDED)
        if not 200 <= reply.status < 300:
            raise refusal(reply)
        sys.stdout.write(read_signed_in(reply.body).token.expose() + "\n")
    except GatewayTrouble as trouble:
        return _complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return _complain(str(problem), 2)
    return 0


def _complain(sentence: str, code: int) -> int:
    from hoop_tui.cli.printing import complain

    return complain(sentence, code)
