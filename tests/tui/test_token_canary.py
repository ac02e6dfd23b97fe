"""A token, and programs that fail with it in their hands: it is not on the screen, nor in any file."""

import subprocess
import sys
from pathlib import Path

import pytest

from hoop_tui.mistakes import tell_mistake, where_it_was
from tests.tui.conftest import TOKEN, HttpDouble
from tests.tui.seat import Seat

_BREAKS = """
import sys
from hoop_tui.cli import main

class Held:
    def __init__(self, token):
        self.token = token
    def __repr__(self):
        return f"Held({{self.token!r}})"

class Trouble(Exception):
    def __rich__(self):
        return f"{{self.args}}"

def broken(self, *words, **more):
    token, held = {token!r}, Held({token!r})
    try:
        int(token)
    except ValueError as problem:
        raise {error}(f"no good: {{token}} {{held}}") from problem

async def broken_task(self):
    broken(self)

def begun(arguments, begin=main._quickly):
    from hoop_tui.{module} import {name}
    {name}.{method} = {by}
    return begin(arguments)

main._quickly = begun
main.main(sys.argv[1:])
"""


def breaks(module: str, name: str, method: str, *, by: str = "broken", error: str = "RuntimeError") -> str:
    """A `hoop-tui` in which this method fails, with the token in its variables and in its words."""
    return _BREAKS.format(module=module, name=name, method=method, by=by, error=error, token=TOKEN)


def assert_it_is_nowhere(home: Path, said: str, where: str) -> None:
    assert TOKEN not in said
    assert "this is a mistake in the program" in " ".join(said.split())
    kept = home / ".local" / "state" / "hoop" / "mistake.txt"
    assert where in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def test_typed_into_the_app_and_then_it_fails(http_double: HttpDouble, tmp_path: Path) -> None:
    """With everything on by which the toolkit tells what happens in it."""
    program = breaks("screens.sessions", "SessionsScreen", "action_filter")
    tells = {"TEXTUAL": "debug", "TEXTUAL_DEBUG": "1", "TEXTUAL_LOG": str(tmp_path / "log")}
    seat = Seat(tmp_path, (sys.executable, "-c", program), **tells)
    try:
        seat.see("Sign in to hoop")
        seat.press(f"{http_double.url}\r")
        seat.rest(0.5)
        half = len(TOKEN) // 2
        seat.press(TOKEN[:half])
        seat.press(f"\x1b[200~{TOKEN[half:]}\x1b[201~\r")
        seat.see("* live")
        seat.press("/")
        assert seat.left() == 1
    finally:
        seat.close()
    assert_it_is_nowhere(tmp_path, seat.all_sent, "in broken")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    "program",
    [
        breaks("feed", "Feed", "_hear"),
        breaks("calling", "Calling", "run", by="broken_task", error="Trouble"),
        breaks("widgets.top_line", "TopLine", "render", error="Trouble"),
    ],
    ids=["feed", "worker", "drawing"],
)
def test_a_part_of_the_app_fails(program: str, http_double: HttpDouble, tmp_path: Path) -> None:
    seat = Seat(
        tmp_path,
        (sys.executable, "-c", program),
        HOOP_GATEWAY=http_double.url,
        HOOP_TOKEN=TOKEN,
        COLUMNS="200",
    )
    try:
        assert seat.left() == 1
    finally:
        seat.close()
    assert_it_is_nowhere(tmp_path, seat.all_sent, "in broken")


def test_a_command_fails(http_double: HttpDouble, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "HOOP_GATEWAY": http_double.url, "HOOP_TOKEN": TOKEN}
    program = breaks("client", "HttpGateway", "sessions")
    ended = subprocess.run(
        [sys.executable, "-c", program, "sessions", "ls"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    path = tmp_path / ".local" / "state" / "hoop" / "mistake.txt"
    assert ended.stderr == f"hoop-tui: this is a mistake in the program (RuntimeError); {path} shows where\n"
    assert_it_is_nowhere(tmp_path, ended.stderr, "in broken")


def test_where_it_was_has_no_values() -> None:
    def inner(token: str) -> None:
        raise KeyError(token)

    def outer(token: str) -> None:
        try:
            inner(token)
        except KeyError as problem:
            problem.add_note(token)
            raise ExceptionGroup(token, [ValueError(token), problem]) from problem

    with pytest.raises(ExceptionGroup) as failed:
        outer(TOKEN)
    told = where_it_was(failed.value)
    assert TOKEN not in told
    assert all(word in told for word in ("KeyError", "ValueError", "ExceptionGroup", "in inner", "in outer"))


def test_nothing_can_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert tell_mistake(KeyError(TOKEN)) == 1
    said = "hoop-tui: this is a mistake in the program (KeyError); where could not be written down\n"
    assert capsys.readouterr().err == said
