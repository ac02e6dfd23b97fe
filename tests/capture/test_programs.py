"""Lines typed into zsh, dash, fish, Python, sqlite3 and into programs that take none."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.capture.reading import NOT_SHOWN
from tests.capture.keyboard import Keyboard

pytestmark = pytest.mark.interop

UP, LEFT = b"\x1b[A", b"\x1b[D"


@pytest.mark.needs("zsh")
def test_zsh(tmp_path: Path) -> None:
    (tmp_path / "aardvark.txt").write_text("a")
    with Keyboard(["zsh", "-f", "-i"], tmp_path, PROMPT="zsh%% ", RPROMPT="[right]") as zsh:
        zsh.until(b"[right]")
        zsh.type(b"echo plain")
        assert zsh.enter("echo plain").confidence == "high"
        zsh.type(b"cho edited" + b"\x01" + b"e")
        assert zsh.enter("echo edited").confidence == "high"
        zsh.type(b"echo one,two\x17three")
        assert zsh.enter("echo one,three").confidence == "medium"
        zsh.type(b"cat aard\t", sees=b"vark.txt")
        assert zsh.enter("cat aardvark.txt").confidence == "medium"
        zsh.until(b"[right]")
        zsh.type(b"\x12", sees=b"bck-i-search")
        zsh.type(b"edit")
        assert zsh.enter("echo edited").confidence == "medium"
        zsh.type(UP + UP)
        assert zsh.enter("cat aardvark.txt").confidence == "medium"
        zsh.type(b"echo " + b"0123456789" * 12)
        assert zsh.enter("echo " + "0123456789" * 12).confidence == "high"
        zsh.type("echo grün 漢".encode())
        assert zsh.enter("echo grün 漢").confidence == "high"
        zsh.until(b"[right]\x1b[74D\x1b[?2004h")
        zsh.type(b"\x1b[200~echo one\recho two\x1b[201~")
        assert zsh.enter("echo one\necho two").confidence == "high"
        zsh.type(b"for i in 1 2; do")
        zsh.enter("for i in 1 2; do")
        zsh.type(b"echo $i")
        zsh.enter("for i in 1 2; do\necho $i")
        zsh.type(b"done")
        assert zsh.enter("for i in 1 2; do\necho $i\ndone").joined
        zsh.type(b"echo hi there" + LEFT * 6)
        assert zsh.enter("echo hi there").confidence == "high"
        zsh.enter_nothing(sees=b"\x1b[?2004h")
        zsh.type(b"read -s 'x?Password: '")
        zsh.enter("read -s 'x?Password: '")
        zsh.until(b"\nPassword: ")
        zsh.type(b"hunter2")
        zsh.enter_nothing(sees=b"\x1b[?2004h")
        zsh.type(b"echo kept")
        assert zsh.enter("echo kept", key=b"\x1ba").confidence == "high"


@pytest.mark.needs("dash")
def test_dash_and_the_line_editor_of_the_kernel(tmp_path: Path) -> None:
    with Keyboard(["dash", "-i"], tmp_path, ready=b"$ ") as dash:
        dash.until(b"$ ")
        dash.type(b"ecko\x7f\x7fho one  two")
        assert dash.enter("echo one  two").confidence == "high"
        dash.type(b"wrong\x15echo right wrong\x17again")
        assert dash.enter("echo right again").confidence == "high"
        dash.until(b"$ ")
        dash.type(b"echo 'open")
        dash.enter("echo 'open")
        dash.until(b"> ")
        dash.type(b"end'")
        assert dash.enter("echo 'open\nend'").joined
        dash.type(b"cat")
        dash.enter("cat")
        dash.until(b"\r\n")
        dash.type(b"words for cat")
        assert dash.enter("words for cat").prompt == ""


@pytest.mark.needs("fish")
def test_fish_and_its_suggestions(tmp_path: Path) -> None:
    with Keyboard(
        ["fish", "--no-config", "-C", "function fish_prompt; echo -n 'fish> '; end"],
        tmp_path,
        fish_greeting="",
        XDG_CONFIG_HOME=str(tmp_path),
    ) as fish:
        fish.until(b"> ")
        fish.type(b"echo suggestion")
        assert fish.enter("echo suggestion").confidence == "high"
        fish.until(b"> ")
        fish.type(b"echo sugg", sees=b"estion")
        reading = fish.ready_for("echo sugg")
        assert reading is not None
        assert (reading.confidence, reading.witnesses) == ("medium", ("keys", "screen"))


@pytest.mark.needs("python3")
def test_python(tmp_path: Path) -> None:
    with Keyboard(["python3", "-q"], tmp_path, ready=b">>> ", PYTHON_BASIC_REPL="1") as python:
        python.until(b">>> ")
        python.type(b"import os")
        assert python.enter("import os").confidence == "high"
        python.type(b"if 1:")
        python.enter("if 1:")
        python.until(b"... ")
        python.type(b"    print('four')")
        assert python.enter("if 1:\n    print('four')").joined
        python.until(b"... ")
        python.enter_nothing(sees=b"four")
        python.type(b"input('name? ')")
        python.enter("input('name? ')")
        python.until(b"\nname? ")
        python.type(b"ann")
        assert python.enter("ann").prompt == "name? "
        python.type(b"import getpass; getpass.getpass()")
        python.enter("import getpass; getpass.getpass()")
        python.until(b"\nPassword: ")
        python.type(b"hunter2")
        python.enter_nothing(sees=b">>> ")
        assert python.held.is_bare(">>> ")


@pytest.mark.needs("sqlite3")
def test_sqlite3(tmp_path: Path) -> None:
    with Keyboard(["sqlite3"], tmp_path) as sqlite:
        sqlite.until(b"sqlite> ")
        sqlite.type(b"select 1,")
        sqlite.enter("select 1,")
        sqlite.type(b"2;")
        assert sqlite.enter("select 1,\n2;").joined
        sqlite.type(b"select 3;")
        assert sqlite.enter("select 3;").confidence == "high"


@pytest.mark.needs("bash", "vim")
def test_vim(tmp_path: Path) -> None:
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        bash.type(b"vim -u NONE --cmd 'set ruler' file")
        bash.enter("vim -u NONE --cmd 'set ruler' file")
        bash.until(b"\x1b[?1049h")
        bash.until(b"~")
        bash.type(b"irm -rf /", sees=b"rm -rf /")
        bash.enter_nothing(sees=b"2,1")
        bash.type(b"\x1b:wq", sees=b":wq")
        bash.enter_nothing(sees=b"\x1b[?1049l")
        bash.until(b"$ ")
        bash.type(b"echo out")
        assert bash.enter("echo out").confidence == "high"
    assert (tmp_path / "file").read_text() == "rm -rf /\n\n"


@pytest.mark.needs("bash", "less")
@pytest.mark.parametrize("options", ["", "-X"])
def test_less(tmp_path: Path, options: str) -> None:
    (tmp_path / "long").write_text("".join(f"row {n}\n" for n in range(200)))
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        bash.type(f"less {options} long".encode())
        bash.enter(f"less {options} long".strip())
        bash.until(b"row 20")
        bash.type(b"jj", sees=b"row 24")
        bash.enter_nothing(sees=b"row 25")
        bash.type(b"/row 99", sees=b"9\x1b[K")
        bash.enter_nothing(sees=b"row 110")
        bash.type(b"q", sees=b"$ ")
        bash.type(b"echo out")
        assert bash.enter("echo out").confidence == "high"


@pytest.fixture
def tmux_socket(tmp_path: Path) -> Iterator[Path]:
    """Where a tmux of the test's own listens; none is left behind."""
    yield tmp_path / "socket"
    command = ["tmux", "-f", "/dev/null", "-S", str(tmp_path / "socket"), "kill-server"]
    subprocess.run(command, capture_output=True, check=False)


@pytest.mark.needs("bash", "tmux")
def test_a_shell_within_tmux(tmp_path: Path, tmux_socket: Path) -> None:
    """Its prompt is known from outside: the line is read. Where it is another prompt, nothing is made up."""
    command = f"tmux -f /dev/null -S {tmux_socket} new bash --norc -i"
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        bash.type(command.encode())
        bash.enter(command)
        bash.until(b"\x1b[?1049h")
        bash.until(b"$ ")
        bash.type(b"echo within")
        assert bash.enter("echo within").confidence == "high"
        bash.until(b"$ ")
        bash.type(b"PS1='else: '; echo so")
        bash.enter("PS1='else: '; echo so")
        bash.until(b"else: ")
        bash.type(b"tmux kill-server", sees=b"kill-server")
        bash.enter_nothing(sees=b"exited")


@pytest.mark.needs("bash", "top")
def test_top(tmp_path: Path) -> None:
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        bash.type(b"top -d 60 -p 1")
        bash.enter("top -d 60 -p 1")
        bash.until(b"\x1b[24;1H\x1b[K")
        bash.type(b"c", sees=b"\x1b[24;1H\x1b[K")
        bash.enter_nothing(sees=b"\x1b[24;1H\x1b[K")


@pytest.mark.needs("bash", "htop")
def test_htop(tmp_path: Path) -> None:
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        bash.type(b"htop")
        bash.enter("htop")
        bash.until(b"PID")
        bash.type(b"/bash", sees=b"bash")
        bash.enter_nothing(sees=b"Help")
        bash.type(b"q", sees=b"$ ")
        bash.type(b"echo out")
        assert bash.enter("echo out").text == "echo out"


@pytest.mark.needs("bash")
def test_a_flood_is_not_read_and_what_follows_is(tmp_path: Path) -> None:
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        flood = "yes 'rm -rf / abcdefghijklmnopqrstuvwxyz' | head -c 300000; echo over"
        bash.type(flood.encode())
        bash.enter(flood)
        bash.until(b"over\r\n")
        bash.until(b"$ ")
        bash.type(b"echo calm")
        assert bash.enter("echo calm").confidence == "high"


@pytest.mark.needs("bash")
def test_stars_for_a_password(tmp_path: Path) -> None:
    with Keyboard(["bash", "--norc", "-i"], tmp_path) as bash:
        bash.until(b"$ ")
        stars = "printf 'Password: '; while read -rsn1 c && [[ $c ]]; do printf '*'; done; echo over"
        bash.type(stars.encode())
        bash.enter(stars)
        bash.until(b"\r\n")
        bash.until(b"Password: ")
        bash.type(b"hunter2", sees=b"*******")
        bash.enter_nothing(sees=b"over\r\n")
        bash.until(b"$ ")
        stars = stars.replace("Password", "Say")
        bash.type(stars.encode())
        bash.enter(stars)
        bash.until(b"\r\n")
        bash.until(b"Say: ")
        bash.type(b"hunter2", sees=b"*******")
        assert bash.enter(NOT_SHOWN).confidence == "low"
