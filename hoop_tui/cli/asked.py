"""One question to the gateway's sign-in addresses, for commands: signed in, asked, and every trouble one sentence."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from hoop_tui.cli.printing import complain
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.login.answers import SIGN_IN_NEEDED, Reply, refusal
from hoop_tui.login.door import Door
from hoop_tui.login.renewal import token_of, usable_sign_in


class Ask(Protocol):
    """Puts one question, and gives the answer if it is a good one."""

    def __call__(self, method: str, path: str, body: Mapping[str, object] | None = None, /) -> Reply: ...


def signed_in(gateway: str, token_file: Path | None, work: Callable[[Ask], int]) -> int:
    """`work` gets a function that takes a method and a path; its answers are good ones. Gives the exit code."""
    try:
        sign_in = usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
        token = token_of(sign_in)
        door = Door(sign_in.gateway)

        def ask(method: str, path: str, body: Mapping[str, object] | None = None, /) -> Reply:
            reply = door.ask(method, path, body, token)
            if reply.status == 401:
                raise NotSignedIn(SIGN_IN_NEEDED)
            if not 200 <= reply.status < 300:
                raise refusal(reply)
            return reply

        return work(ask)
    except GatewayTrouble as trouble:
        return complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return complain(str(problem), 2)


def filtered(path: str, person: str, everything: bool) -> str:
    """The path of a list: of whom, and whether with what is over."""
    asked = {"person": person, "state": "all" if everything else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path
