"""Lines typed into a real bash, in every way that people have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.capture.reading import NOT_SHOWN
from tests.capture.keyboard import Keyboard

pytestmark = [pytest.mark.interop, pytest.mark.needs("bash")]

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (
    b"\x1b[D",
    b"\x1b[C",
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[H",
    b"\x1b[F",
    b"\x1b[3~",
)


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Keyboard]:
    (tmp_path / "aardvark.txt").write_text("a")
    (tmp_path / "zebra-1").write_text("z")
    (tmp_path / "zebra-2").write_text("z")
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as keyboard:
        keyboard.until(b"$ ")
        yield keyboard


EDITS = {
    "plain": (b"echo hello", "echo hello"),
    "backspace": (b"ecko\x7f\x7fho hi", "echo hi"),
    "ctrl-h": (b"echi\x08o hi", "echo hi"),
    "left and insert": (b"echo hllo" + LEFT * 3 + b"e", "echo hello"),
    "home": (b"cho hi" + HOME + b"e", "echo hi"),
    "ctrl-a and ctrl-e": (b"cho \x01e\x05hi", "echo hi"),
    "end": (b"echo hi" + HOME + END + b"!" * 0 + b" there", "echo hi there"),
    "delete": (b"eccho hi" + HOME + RIGHT + DELETE, "echo hi"),
    "ctrl-d in the line": (b"eccho hi" + HOME + RIGHT + b"\x04"[:0] + DELETE, "echo hi"),
    "ctrl-w": (b"echo wrong\x17right", "echo right"),
    "ctrl-w of a path": (b"echo /usr/lib\x17/etc", "echo /etc"),
    "ctrl-u": (b"rm -rf /\x15echo safe", "echo safe"),
    "ctrl-k": (b"echo hi rest" + LEFT * 5 + b"\x0b", "echo hi"),
    "ctrl-y": (b"echo hi" + b"\x15" + b"true; " + b"\x19", "true; echo hi"),
    "ctrl-b and ctrl-f": (b"echo hi" + b"\x02\x02\x06" + b"a", "echo hai"),
    "alt-b": (b"echo two" + b"\x1bb" + b"one ", "echo one two"),
    "ctrl-t": (b"echo ih\x14", "echo hi"),
    "utf-8": ("echo grün".encode(), "echo grün"),
    "wide": ("echo 漢字 x".encode(), "echo 漢字 x"),
    "emoji": ("echo 🙂!".encode()[:-1], "echo 🙂"),
    "wrapped": (b"echo " + b"abcdefghi " * 20 + b"end", "echo " + "abcdefghi " * 20 + "end"),
    "wrapped and edited": (b"cho " + b"0123456789" * 12 + HOME + b"e", "echo " + "0123456789" * 12),
    "exactly one row": (b"echo " + b"x" * 73, "echo " + "x" * 73),
    "a row too long by one": (b"echo " + b"x" * 74 + b"\x7fy", "echo " + "x" * 73 + "y"),
    "leading blank": (b" echo hi", " echo hi"),
    "trailing blanks": (b"echo hi   ", "echo hi"),
    "history after typing": (b"ech\x10\x0eo hi", "ech"[:0] + "echo hi"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_edited_lines(bash: Keyboard, kind: str) -> None:
    keys, text = EDITS[kind]
    bash.type(keys)
    assert bash.enter(text).confidence in ("high", "medium")


def test_plain_lines_are_certain(bash: Keyboard) -> None:
    for line in ("echo one", "true", "cd /tmp; pwd", "PS1='other> '", "echo again"):
        bash.type(line.encode())
        reading = bash.enter(line)
        assert (reading.confidence, reading.witnesses) == ("high", ("keys", "screen"))


def test_completion(bash: Keyboard) -> None:
    bash.type(b"cat aard\t", sees=b"vark.txt")
    assert bash.enter("cat aardvark.txt").confidence == "medium"


def test_completion_that_lists(bash: Keyboard) -> None:
    bash.type(b"cat zeb\t", sees=b"ra-")
    bash.type(b"\t\t", sees=b"zebra-2")
    bash.type(b"1")
    assert bash.enter("cat zebra-1").confidence == "medium"


def test_history(bash: Keyboard) -> None:
    for line in ("echo first", "echo second"):
        bash.type(line.encode())
        bash.enter(line)
    bash.type(UP + UP)
    assert bash.enter("echo first").confidence == "medium"
    bash.type(UP + UP + DOWN, sees=b"first")
    bash.type(b"-more")
    assert bash.enter("echo first-more").confidence == "medium"


def test_search_in_the_history(bash: Keyboard) -> None:
    for line in ("echo needle", "echo other"):
        bash.type(line.encode())
        bash.enter(line)
    bash.type(b"\x12", sees=b"i-search")
    bash.type(b"need")
    assert bash.enter("echo needle").confidence == "medium"


def test_history_expansion_is_doubtful(bash: Keyboard) -> None:
    bash.type(b"echo secret-thing")
    bash.enter("echo secret-thing")
    bash.type(b"!!")
    assert bash.enter("!!").confidence == "low"


def test_a_line_that_came_from_history_verify(bash: Keyboard) -> None:
    bash.type(b"shopt -s histverify")
    bash.enter("shopt -s histverify")
    bash.type(b"!!")
    bash.press_enter(bash.ready_for("!!"))
    assert bash.taken().text == "!!"
    bash.until(b"histverify")
    assert bash.enter("shopt -s histverify").confidence == "medium"


def test_a_statement_over_several_lines(bash: Keyboard) -> None:
    bash.type(b"for i in 1 2; do")
    bash.enter("for i in 1 2; do")
    bash.type(b"echo n$i")
    bash.enter("for i in 1 2; do\necho n$i")
    bash.type(b"done")
    reading = bash.enter("for i in 1 2; do\necho n$i\ndone")
    assert reading.joined
    assert reading.confidence == "high"
    bash.type(b"echo alone")
    assert bash.enter("echo alone").joined is False


@pytest.mark.parametrize("first", ["rm -rf \\", "echo 'open", "cat <<EOF", "true &&"])
def test_lines_that_go_on(bash: Keyboard, first: str) -> None:
    bash.type(first.encode())
    bash.enter(first)
    bash.type(b"/some/path")
    assert bash.enter(first + "\n/some/path").joined


def test_a_statement_given_up_is_forgotten(bash: Keyboard) -> None:
    bash.type(b"for i in 1 2; do")
    bash.enter("for i in 1 2; do")
    bash.type(b"rm x", sees=b"rm x")
    bash.interrupt(b"$ ")
    bash.type(b"echo fresh")
    assert bash.enter("echo fresh").confidence == "high"


def test_a_marked_paste(bash: Keyboard) -> None:
    bash.type(b"\x1b[200~echo pasted\x1b[201~")
    assert bash.enter("echo pasted").confidence == "high"


def test_a_marked_paste_of_several_lines(bash: Keyboard) -> None:
    bash.type(b"\x1b[200~echo one\recho two\x1b[201~")
    assert bash.enter("echo one\necho two").confidence == "high"


def test_marks_that_nobody_asked_for_hide_no_enter(bash: Keyboard) -> None:
    bash.type(b"cat > /dev/null")
    bash.enter("cat > /dev/null")
    bash.until(b"\x1b[?2004l")
    stroke = bash.held.next_stroke(b"\x1b[200~rm x\rls\x1b[201~")
    assert stroke.ender == b"\r"


def test_empty_lines(bash: Keyboard) -> None:
    bash.enter_nothing(sees=b"$ ")
    bash.type(b"   ")
    bash.enter_nothing(sees=b"$ ")
    bash.type(b"abc\x15")
    bash.enter_nothing(sees=b"$ ")
    bash.type(b"echo x")
    assert bash.enter("echo x").confidence == "high"


@pytest.mark.parametrize("key", [b"\n", b"\x0f"])
def test_other_keys_that_run_a_line(bash: Keyboard, key: bytes) -> None:
    bash.type(b"echo hi")
    assert bash.enter("echo hi", key).confidence == "high"


def test_the_screen_is_cleared_while_typing(bash: Keyboard) -> None:
    bash.type(b"echo hi")
    bash.type(b"\x0c", sees=b"\x1b[H")
    bash.type(b" there")
    assert bash.enter("echo hi there").text == "echo hi there"


def test_a_password_is_no_command(bash: Keyboard) -> None:
    bash.type(b"read -s -p 'Password: ' it; echo d''one")
    bash.enter("read -s -p 'Password: ' it; echo d''one")
    bash.until(b"Password: ")
    bash.type(b"hunter2")
    bash.enter_nothing(sees=b"done")
    assert b"hunter2" not in bash.seen


def test_no_echo_where_no_password_was_asked_for(bash: Keyboard) -> None:
    bash.type(b"read -s it; echo done")
    bash.enter("read -s it; echo done")
    bash.until(b"\n")
    bash.type(b"hunter2")
    reading = bash.enter(NOT_SHOWN)
    assert (reading.confidence, reading.witnesses) == ("low", ())


def test_a_shell_that_does_not_echo(bash: Keyboard) -> None:
    bash.type(b"stty -echo")
    bash.enter("stty -echo")
    bash.until(b"$ ")
    bash.type(b"echo blind-$((1+1))")
    assert bash.enter(NOT_SHOWN).confidence == "low"
    bash.until(b"blind-2")


def test_words_for_a_program(bash: Keyboard) -> None:
    bash.type(b"read -p 'Really? [y/N] ' it")
    bash.enter("read -p 'Really? [y/N] ' it")
    bash.until(b"[y/N] ")
    bash.type(b"yes")
    reading = bash.enter("yes")
    assert (reading.prompt, reading.confidence) == ("Really? [y/N] ", "high")


def test_typed_ahead(bash: Keyboard) -> None:
    bash.type(b"read -t 30 x < <(sleep 0.3); echo woke")
    bash.press_enter(bash.ready_for("read -t 30 x < <(sleep 0.3); echo woke"))
    bash.ahead()
    bash.type(b"echo ahead")
    bash.until(b"woke")
    bash.until(b"$ ")
    assert bash.taken().text.startswith("read -t 30")
    assert bash.enter("echo ahead").confidence == "high"


def test_lines_pasted_without_marks(bash: Keyboard) -> None:
    """All at once: the second is echoed when the first has run."""
    bash.type(b"echo one")
    bash.press_enter(None)
    bash.ahead()
    bash.type(b"echo two")
    bash.press_enter(None)
    assert [bash.taken().text, bash.taken().text] == ["echo one", "echo two"]


def test_full_screen_programs(bash: Keyboard, tmp_path: Path) -> None:
    bash.type(b"printf '\\033[?1049h\\033[5;5Hmenu '; read -r it; printf '\\033[?1049l'")
    bash.enter("printf '\\033[?1049h\\033[5;5Hmenu '; read -r it; printf '\\033[?1049l'")
    bash.until(b"\x1b[5;5Hmenu ")
    bash.type(b"rm -rf /", sees=b"rm -rf /")
    bash.enter_nothing(sees=b"$ ")


def test_the_alternate_screen_hides_no_shell(bash: Keyboard) -> None:
    bash.type(b"true")
    bash.enter("true")
    bash.type(b"printf '\\033[?1049h\\033[H'")
    bash.enter("printf '\\033[?1049h\\033[H'")
    bash.until(b"\x1b[H")
    bash.until(b"$ ")
    bash.type(b"echo still here")
    assert bash.enter("echo still here").confidence == "high"


def test_resized_while_typing(bash: Keyboard) -> None:
    bash.type(b"echo before", sees=b"before")
    bash.held.resize(60, 20)
    bash.free.resize(60, 20)
    bash.type(b" and after")
    assert bash.enter("echo before and after").confidence == "high"


def test_zones_and_reports(bash: Keyboard) -> None:
    bash.type(b"PS1='\\[\\e]133;A\\a\\]$ \\[\\e]133;B\\a\\]'; PS0='\\e]133;C\\a'")
    bash.press_enter(None)
    bash.until(b"\x1b]133;B")
    bash.taken()
    bash.type(b"echo seen")
    assert bash.enter("echo seen").witnesses == ("keys", "screen", "zone")
    bash.type(UP)
    assert bash.enter("echo seen").confidence == "high"
    bash.enter_nothing(sees=b"$ ")
