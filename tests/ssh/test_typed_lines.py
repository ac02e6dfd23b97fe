"""Lines typed behind the gateway: what is written down of them, and that nothing waits where no rule asks for it."""

import re
from pathlib import Path

import pytest

from gateway.core.verdict import Allow
from tests.ssh.typist import Typist

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]


async def unjudged(typist: Typist) -> None:
    typist.house.watches_typing = False
    await typist.start()


async def test_lines_are_read_as_they_pass(typist: Typist) -> None:
    await unjudged(typist)
    await typist.line("echo hello")
    await typist.line("cd /tmp")
    await typist.line("exot\x7f\x7fit-not 2>/dev/null")
    assert await typist.ran(3) == ["echo hello", "cd /tmp", "exit-not 2>/dev/null"]
    (first, *_) = await typist.bodies("command.read", 3)
    assert (first["confidence"], first["witnesses"], first["prompt"]) == ("high", ["keys", "screen"], "one$ ")
    typist.type(b"exit 3\r")
    assert await typist.desk.ended() == 3
    assert [entry.body["verb"] for entry in await typist.house.entries("operation.admitted")] == ["exec"]
    chapter = typist.chapters()[0]
    assert chapter == {
        "kind": "command",
        "verb": "typed",
        "text": "echo hello",
        "confidence": "high",
        "source": "screen",
    }
    assert await typist.ran(4) == ["echo hello", "cd /tmp", "exit-not 2>/dev/null", "exit 3"]


async def test_what_is_typed_at_once_and_ahead(typist: Typist) -> None:
    await unjudged(typist)
    typist.type(b"echo one\recho two\recho three\r")
    await typist.sees(b"three\r\n")
    await typist.sees(b"one$ ")
    assert await typist.ran(3) == ["echo one", "echo two", "echo three"]


async def test_statements_are_one_entry(typist: Typist) -> None:
    await unjudged(typist)
    await typist.line("for i in 1 2; do", then=b"> ")
    await typist.line("echo n$i", then=b"> ")
    await typist.line("done")
    await typist.line("echo after")
    assert await typist.ran(2) == ["for i in 1 2; do\necho n$i\ndone", "echo after"]


async def test_a_statement_that_was_given_up_was_not_run(typist: Typist) -> None:
    await unjudged(typist)
    await typist.line("for i in 1 2; do", then=b"> ")
    typist.type(b"echo x")
    await typist.sees(b"echo x")
    await typist.interrupt()
    await typist.line("echo after")
    assert (await typist.ran(1))[-1] == "echo after"


async def test_passwords_are_never_written_down(typist: Typist) -> None:
    await unjudged(typist)
    await typist.line("read -s -p 'Password: ' p; echo; echo got ${#p}", then=b"\rPassword: ")
    await typist.line("canary-7123", then=b"got 11")
    await typist.line("read -s -p 'Say: ' p; echo; echo got ${#p}", then=b"\rSay: ")
    await typist.line("canary-7123", then=b"got 11")
    await typist.sees(b"one$ ")
    await typist.line("stty -echo")
    await typist.line("echo canary-$((7100+23)) | wc -c", then=b"12")
    await typist.line("stty echo")
    texts = await typist.ran(6)
    assert texts.count("(not shown)") == 3, texts
    await typist.leave()
    everything = (
        b"".join(path.read_bytes() for path in typist.house.directory.rglob("*") if path.is_file())
        + repr(await typist.house.entries()).encode()
    )
    assert b"canary-7123" not in everything
    assert b"canary-7123" not in b"".join(frame.data for frame in typist.house.recording().frames)
    assert b"canary-$((" not in everything


def snippet(shell: str) -> str:
    """What the documentation tells people to put into their shell's start-up file."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "typed-commands.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"```{shell}\n(.*?)```", page, re.DOTALL)
    return str(code)


async def test_bash_reports_what_it_runs(typist: Typist, tmp_path: Path) -> None:
    typist.house.watches_typing = False
    (tmp_path / "rc").write_text("PS1='one$ '\nHISTCONTROL=ignorespace\n" + snippet("bash"))
    await typist.start(f"HISTFILE=/dev/null exec bash --rcfile {tmp_path}/rc -i")
    for line in ("echo seen", " echo unkept", "!!"):
        await typist.line(line)
    await typist.line("for i in 1; do", then=b"> ")
    await typist.line("echo n$i; done")
    entries = await typist.bodies("command.read", 4)
    told = [(entry["text"], entry["confidence"], entry["witnesses"]) for entry in entries]
    assert told[0] == ("echo seen", "high", ["keys", "screen", "shell"])
    assert told[1] == (" echo unkept", "high", ["keys", "screen"])
    assert told[2] == ("echo seen", "medium", ["shell"])
    assert told[3] == ("for i in 1; do\necho n$i; done", "high", ["keys", "screen", "shell"])


@pytest.mark.needs("zsh")
async def test_zsh_reports_what_it_runs(typist: Typist, tmp_path: Path) -> None:
    typist.house.watches_typing = False
    (tmp_path / ".zshrc").write_text("PROMPT='one$ '\n" + snippet("zsh"))
    await typist.start(f"ZDOTDIR={tmp_path} exec zsh -d -i", prompt=b"\x1b[?2004h")
    for line in ("echo seen", "!!"):
        await typist.line(line, then=b"\x1b[?2004h")
    entries = await typist.bodies("command.read", 2)
    told = [(entry["text"], entry["confidence"], entry["witnesses"]) for entry in entries]
    assert told[0] == ("echo seen", "high", ["keys", "screen", "shell"])
    assert told[1] == ("echo seen", "medium", ["shell"])


async def test_full_screen_programs_type_no_lines(typist: Typist) -> None:
    typist.judge(lambda text: None)
    await typist.start()
    await typist.line(
        "printf '\\033[?1049h\\033[3;3H'; read x; read y; printf '\\033[?1049l'", then=b"\x1b[3;3H"
    )
    await typist.line("rm -rf /", then=b"rm -rf /\r\n")
    await typist.line("reboot")
    await typist.line("echo out")
    assert [operation.text for operation in typist.judged][1:] == ["echo out"]


@pytest.mark.needs("vim", "less")
async def test_vim_and_less(typist: Typist, tmp_path: Path) -> None:
    typist.judge(lambda text: None)
    await typist.start()
    await typist.line(f"cd {tmp_path}")
    await typist.line("vim -u NONE --cmd 'set ruler' it", then=b"0,0-1")
    typist.type(b"irm -rf /\rreboot\x1b")
    await typist.sees(b"reboot")
    typist.type(b":wq\r")
    await typist.sees(b"one$ ")
    await typist.line("seq 500 | less -X", then=b":")
    typist.type(b"jjj\r/77\rq")
    await typist.sees(b"one$ ")
    await typist.line("wc -l it", then=b"2 it")
    texts = [operation.text for operation in typist.judged][1:]
    assert texts == ["vim -u NONE --cmd 'set ruler' it", "seq 500 | less -X", "wc -l it"]


async def test_no_line_is_held_back_where_no_rule_asks(typist: Typist) -> None:
    """Enter goes on even before its line has been echoed: a target that echoes nothing is no reason to wait."""
    typist.house.watches_typing = False
    typist.house.decide = lambda operation, session: Allow("everything")
    await typist.start("stty raw -echo; echo ready; head -c 4 | od -An -c; stty sane", prompt=b"ready")
    typist.type(b"ab\rc")
    await typist.sees(b"a   b  \\r   c")
    assert await typist.desk.ended() == 0
