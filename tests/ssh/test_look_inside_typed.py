"""Lines typed at a terminal that run files: looked into where it is known where the shell stands."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Hold, Verdict
from gateway.policy.decide import decide
from tests.policy.conftest import policy
from tests.ssh.sshd import Sshd
from tests.ssh.typist import Typist

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]

HOLD = Hold("ask-first", "", frozenset({"sre"}), 1, timedelta(seconds=60))
TELLS = (
    "PS1='one$ ' PS2='> ' HISTFILE=/dev/null "
    'PROMPT_COMMAND=\'printf "\\033]7;file://web-1%s\\007" "$PWD"\' exec bash --norc -i'
)
"""A shell that says where it stands."""


def holds_scripts(typist: Typist) -> None:
    typist.judge(lambda text: HOLD if "x.sh" in text else None)


async def test_a_whole_path_is_looked_into_and_has_to_be_the_same(typist: Typist, sshd: Sshd) -> None:
    script = sshd.home / "x.sh"
    script.write_text("echo ran-$((1+1))\n")
    holds_scripts(typist)
    await typist.start()
    await typist.line(f"sh {script}", then=b"Ctrl-C withdraws\r\n")
    (shown,) = (await full(typist)).attachments
    assert shown.text == "echo ran-$((1+1))\n"
    script.write_text("echo evil\n")
    await typist.settle(True)
    await typist.sees(b"has changed since it was approved")
    await typist.sees(b"one$ ")
    await typist.line(f"sh {script}", then=b"Ctrl-C withdraws\r\n")
    await typist.settle(True)
    await typist.sees(b"evil\r\n")
    assert b"ran-2" not in typist.desk.seen


async def test_a_directory_that_nobody_knows(typist: Typist, sshd: Sshd) -> None:
    (sshd.home / "x.sh").write_text("echo ran-$((1+1))\n")
    holds_scripts(typist)
    await typist.start()
    await typist.line(f"cd {sshd.home}")
    await typist.line("sh x.sh", then=b"Ctrl-C withdraws\r\n")
    (shown,) = (await full(typist)).attachments
    assert (shown.text, shown.why) == ("", "not looked inside: the directory is not known")
    await typist.settle(True)
    await typist.sees(b"ran-2\r\n")


async def test_a_shell_that_says_where_it_stands(typist: Typist, sshd: Sshd) -> None:
    place = sshd.home / "a place"
    place.mkdir()
    (place / "x.sh").write_text("echo ran-$((1+1))\n")
    holds_scripts(typist)
    await typist.start(TELLS)
    await typist.line(f"cd '{place}'")
    await typist.line("./x.sh || sh x.sh", then=b"Ctrl-C withdraws\r\n")
    shown = (await full(typist)).attachments
    assert [each.path for each in shown] == [str(place / "x.sh")] * 2
    await typist.settle(True)
    await typist.sees(b"ran-2\r\n")


async def test_rules_see_what_a_script_does(typist: Typist, sshd: Sshd) -> None:
    loaded = policy(
        '[[rule]]\nid = "all"\ndo = "allow"\nmatch = { user = "*" }\n'
        '[[rule]]\nid = "no-rm"\ndo = "block"\nmatch = { command = ["rm *"] }\n'
    )

    def judge(operation: Operation, session: Session) -> Verdict:
        return decide(loaded, operation, session) if operation.verb == "typed" else Allow("everything")

    typist.house.decide = judge
    keep = sshd.home / "keep"
    keep.touch()
    (sshd.home / "x.sh").write_text(f"rm -f {keep}\n")
    await typist.start()
    await typist.line(f"sh {sshd.home}/x.sh", then=b"one$ ")
    assert b"blocked by no-rm" in typist.desk.seen
    assert keep.exists()


async def full(typist: Typist) -> Any:
    """The request with what is left out of lists."""
    found = await typist.house.ledger.approval((await typist.held()).id)
    assert found is not None
    return found
