"""Commands that run files: what is in these is shown to whoever is asked, judged, and has to be the same later."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Hold, Verdict
from gateway.policy.decide import decide
from gateway.session.looking import TOO_DEEP, TOO_MANY
from tests.policy.conftest import policy
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]

HOLD = Hold("ask-first", "", frozenset({"sre"}), 1, timedelta(seconds=60))
SCRIPT = "echo ran-$((1+1))\n"


@pytest.fixture
def home(house: House, sshd: Sshd) -> Path:
    """Of the account on the target, where everything is held."""
    house.decide = lambda operation, session: HOLD
    return sshd.home


def rules(house: House, text: str) -> list[Operation]:
    """Judge by these rules; returns what is judged."""
    loaded = policy(text)
    judged: list[Operation] = []

    def judge(operation: Operation, session: Session) -> Verdict:
        judged.append(operation)
        return decide(loaded, operation, session)

    house.decide = judge
    return judged


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (waiting := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return waiting[0]


async def settle(house: House, approval: Approval) -> None:
    await house.approvals.settle(approval.id, BOB, True, approval.sha256)


async def asked(
    ssh: StockSsh, house: House, command: str, before: Callable[[], object] = lambda: None
) -> tuple[Approval, int, bytes, bytes]:
    """Run it, do something while it is held, approve it: the request and how it ended."""
    running = asyncio.create_task(ssh.run("web-1@gw", command))
    approval = await held(house)
    before()
    await settle(house, approval)
    done = await running
    return approval, done.status, done.out, done.err


FORMS = [
    "sh x.sh",
    "bash -x ./x.sh 2>/dev/null",
    "./x.sh",
    ". ./x.sh",
    "source ./x.sh",
    "env FOO=1 sh x.sh",
    "sh < x.sh",
    "cat x.sh | sh",
    "bash -c 'sh x.sh'",
    "nice sh -- x.sh",
]


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_shows_the_script(form: str, ssh: StockSsh, house: House, home: Path) -> None:
    script = home / "x.sh"
    script.write_text("#!/bin/bash\n" + SCRIPT)
    script.chmod(0o700)
    command = f"cd {home} && {form}"
    approval, status, out, err = await asked(ssh, house, command)
    (shown,) = approval.attachments
    assert (shown.text, shown.path, shown.size) == ("#!/bin/bash\n" + SCRIPT, str(script), 30)
    assert shown.sha256 == sha256(script.read_bytes()).hexdigest()
    assert approval.text == command
    assert approval.sha256 != sha256(command.encode()).hexdigest()
    assert (status, out) == (0, b"ran-2\n"), err


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("python3 x.py a", "x.py"),
        ("perl -w x.pl", "x.pl"),
        ("psql -f x.sql db", "x.sql"),
        ("mysql db < x.sql", "x.sql"),
        ("sudo sh x.sh", "x.sh"),
        ("sh 'a b.sh'", "a b.sh"),
        ("sh -- -x.sh", "-x.sh"),
        ("sh $'a\\nb.sh'", "a\nb.sh"),
        ("sh './$(touch made)'", "$(touch made)"),
        ("sh './; touch made'", "; touch made"),
    ],
)
async def test_other_readers_and_odd_names(
    form: str, name: str, ssh: StockSsh, house: House, home: Path
) -> None:
    (home / name).write_text("-- what is in it\n")
    running = asyncio.create_task(ssh.run("web-1@gw", f"cd {home}; {form}"))
    (shown,) = (await held(house)).attachments
    assert shown.text == "-- what is in it\n"
    assert not (home / "made").exists()
    house.live.end_all("enough")
    await running


async def test_changed_between_approval_and_release(ssh: StockSsh, house: House, home: Path) -> None:
    script = home / "x.sh"
    script.write_text(SCRIPT)
    approval, status, out, err = await asked(
        ssh, house, f"sh {script}", lambda: script.write_text("echo evil\n")
    )
    assert (status, out) == (126, b"")
    assert f"{script} has changed since it was approved".encode() in err
    assert b"nothing was run" in err
    settled = await house.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "denied"
    assert not await house.entries("operation.admitted")
    (voided,) = await house.entries("approval.voided")
    assert "has changed" in str(voided.body["why"])


async def test_a_link_that_leads_elsewhere_by_then(ssh: StockSsh, house: House, home: Path) -> None:
    (home / "one").write_text(SCRIPT)
    (home / "two").write_text(SCRIPT)
    (home / "x.sh").symlink_to(home / "one")

    def swap() -> None:
        (home / "x.sh").unlink()
        (home / "x.sh").symlink_to(home / "two")

    _, status, out, err = await asked(ssh, house, f"sh {home}/x.sh", swap)
    assert (status, out) == (126, b"")
    assert b"has changed" in err


async def test_gone_by_then(ssh: StockSsh, house: House, home: Path) -> None:
    (home / "x.sh").write_text(SCRIPT)
    _, status, out, err = await asked(ssh, house, f"sh {home}/x.sh", (home / "x.sh").unlink)
    assert (status, out) == (126, b"")
    assert b"can not be read again (not readable: there is no such file)" in err


async def test_what_a_script_runs_is_shown_and_has_to_be_the_same(
    ssh: StockSsh, house: House, home: Path
) -> None:
    for name, text in {
        "a": f"sh {home}/b\n",
        "b": f"sh {home}/c\n",
        "c": f"sh {home}/d\n",
        "d": SCRIPT,
    }.items():
        (home / name).write_text(text)
    approval, status, _, err = await asked(
        ssh, house, f"sh {home}/a", lambda: (home / "c").write_text("echo evil\n")
    )
    assert [(Path(each.name).name, Path(each.inside).name) for each in approval.attachments] == [
        ("a", ""),
        ("b", "a"),
        ("c", "b"),
        ("d", "c"),
    ]
    assert approval.attachments[-1].why == TOO_DEEP
    assert status == 126
    assert f"{home}/c has changed since it was approved".encode() in err


async def test_more_than_are_looked_at(ssh: StockSsh, house: House, home: Path) -> None:
    """People are told that there is more, and the digest covers which comes next."""
    for number in range(18):
        (home / f"{number}.sh").write_text(SCRIPT)
    running = asyncio.create_task(
        ssh.run("web-1@gw", "; ".join(f"sh {home}/{number}.sh" for number in range(18)))
    )
    shown = (await held(house)).attachments
    assert [each.why for each in shown] == [""] * 16 + [TOO_MANY]
    assert shown[-1].name == f"{home}/16.sh"
    house.live.end_all("enough")
    await running


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


UNREADABLE: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "not readable: there is no such file"),
    (lambda path: path.mkdir(), "not looked inside: it is a directory"),
    (lambda path: os.mkfifo(path), "not looked inside: it is a pipe"),
    (_device, "not looked inside: it is a device"),
    (lambda path: path.write_bytes(b"\x7fELF\0\0"), "binary, so not shown"),
    (lambda path: path.write_bytes(b"#" * 300_000), "too big to be shown (300,000 bytes)"),
    (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40), "too big to be looked at"),
]


@pytest.mark.parametrize(("make", "why"), UNREADABLE)
async def test_what_can_not_be_shown_says_so(
    make: Callable[[Path], object], why: str, ssh: StockSsh, house: House, home: Path
) -> None:
    make(home / "x.sh")
    running = asyncio.create_task(ssh.run("web-1@gw", f"sh {home}/x.sh"))
    (shown,) = (await held(house)).attachments
    assert shown.why.startswith(why)
    assert shown.text == ""
    assert bool(shown.sha256) is why.startswith(("binary", "too big to be shown"))
    house.live.end_all("enough")
    await running


async def test_bytes_that_are_no_text_are_kept(ssh: StockSsh, house: House, home: Path) -> None:
    hostile = b"echo '\x1b]0;x\x07 \xff\xfe \xe2\x80\xae'\n"
    (home / "x.sh").write_bytes(hostile)
    approval, status, out, _ = await asked(ssh, house, f"sh {home}/x.sh")
    (shown,) = approval.attachments
    assert shown.text.encode("utf-8", "surrogateescape") == hostile
    assert (status, out[:5]) == (0, b"\x1b]0;x")


async def test_a_directory_that_nobody_knows(ssh: StockSsh, house: House, home: Path) -> None:
    running = asyncio.create_task(ssh.run("web-1@gw", 'if true; then cd /tmp; sh x.sh; fi; sh "$X"'))
    first, second = (await held(house)).attachments
    assert first.why == "not looked inside: the directory is not known"
    assert second.why == "not looked inside: its name is not known before it runs"
    house.live.end_all("enough")
    await running


RULES = """
[[rule]]
id = "all"
do = "allow"
match = { user = "*" }

[[rule]]
id = "no-rm"
do = "block"
match = { command = ["rm *"] }
message = "use the trash"
"""


async def test_rules_see_what_a_script_does(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    judged = rules(house, RULES)
    script = sshd.home / "x.sh"
    script.write_text(f'#!/bin/sh\nfor f in 1 2; do\n  sudo rm -rf "{sshd.home}/data"\ndone\n')
    ran = await ssh.run("web-1@gw", f"sh {script}")
    assert ran.status == 126
    assert f"blocked by no-rm - use the trash ({script} runs something like that)" in ran.said
    for first in ("python3", "awk -f", "sed -f"):
        ran = await ssh.run("web-1@gw", f"{first} {script} </dev/null; sh {script}")
        assert ran.status == 126, "what something else reads first is the shell's all the same"
    script.write_text(SCRIPT)
    ran = await ssh.run("web-1@gw", f"sh {script}")
    assert (ran.status, ran.out) == (0, b"ran-2\n")
    assert judged[-1].attachments[0].text == SCRIPT


async def test_nobody_looks_where_no_rule_could_mind(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    judged = rules(house, '[[rule]]\nid = "all"\ndo = "allow"\nmatch = { user = "*" }\n')
    (sshd.home / "x.sh").write_text(SCRIPT)
    assert (await ssh.run("web-1@gw", f"sh {sshd.home}/x.sh")).out == b"ran-2\n"
    assert all(not each.attachments or not each.attachments[0].path for each in judged)
    assert "subsystem" not in sshd.log


async def test_a_target_may_be_left_alone(ssh: StockSsh, house: House, home: Path, sshd: Sshd) -> None:
    house.change("web-1", look_inside=False)
    (home / "x.sh").write_text(SCRIPT)
    approval, status, _, _ = await asked(ssh, house, f"sh {home}/x.sh")
    assert (approval.attachments, status) == ((), 0)
    assert "subsystem" not in sshd.log


async def test_what_masks_hide_is_hidden_on_the_card(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    house.decide = lambda operation, session: Hold(
        "ask-first", "", frozenset({"sre"}), masks=frozenset({"email"})
    )
    (sshd.home / "x.sh").write_text("echo carol@example.com\n")
    approval, status, out, _ = await asked(ssh, house, f"sh {sshd.home}/x.sh")
    (shown,) = approval.attachments
    assert "carol@example.com" not in shown.text
    assert shown.sha256 == sha256(b"echo carol@example.com\n").hexdigest()
    assert (status, b"carol@" in out) == (0, False)


async def test_the_same_command_while_it_is_judged_and_run(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """Not held, only judged: what is run is looked at once more."""
    script = sshd.home / "x.sh"
    script.write_text(SCRIPT)
    loaded = policy(RULES)

    def judge(operation: Operation, session: Session) -> Verdict:
        if operation.attachments and operation.attachments[0].path:
            script.write_text("echo evil\n")
        return decide(loaded, operation, session)

    house.decide = judge
    ran = await ssh.run("web-1@gw", f"sh {script}")
    assert (ran.status, ran.out) == (126, b"")
    assert (
        f"blocked by look-inside - {script} has changed since it was judged, so nothing was run" in ran.said
    )


async def test_no_sftp_on_the_target(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    house.decide = lambda operation, session: HOLD
    await sshd.stop()
    sshd.sftp_server = "/bin/false"
    await sshd.start()
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    (sshd.home / "x.sh").write_text(SCRIPT)
    approval, status, out, err = await asked(ssh, house, f"sh {sshd.home}/x.sh")
    assert approval.attachments[0].why.startswith("not readable: the target ")
    assert (status, out) == (0, b"ran-2\n"), err
