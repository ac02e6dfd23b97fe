"""`hoop-tui` as a program: what it prints, where, with which exit code, and how quickly it says --help."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from tests.tui.conftest import TOKEN, HttpDouble, Program, problem

BIN = Path(sys.executable).parent


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def program(http_double: HttpDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """With a token, in a directory of its own."""
    program = Program(tmp_path, http_double.url)
    program.environ["HOOP_TOKEN"] = TOKEN
    monkeypatch.chdir(tmp_path)
    return program


@pytest.fixture
def run(program: Program) -> Run:
    """In this process, which is quicker."""
    return program


@pytest.fixture
def run_alone(program: Program) -> Run:
    """In a process of its own."""
    return program.run


def test_ls(run_alone: Run) -> None:
    done = run_alone("sessions", "ls")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["STATE", "ID", "WHO", "TARGET", "STARTED", "LENGTH", "CMDS", "FLAGS"]
    erin = next(line for line in lines if "2B8CK4TQ" in line)
    assert erin.split()[:5] == ["ENDED", "2B8CK4TQ", "erin@example.com", "ssh:web-1", "PROD"]
    assert erin.split()[-2:] == ["H1", "B1"]
    assert "\x1b" not in done.stdout


def test_ls_for_programs(run: Run, http_double: HttpDouble) -> None:
    done = run(
        "sessions", "ls", "--live", "--user", "carol", "--target", "web-3", "--limit", "5", "-o", "json"
    )
    rows = json.loads(done.stdout)
    assert [(row["id"], row["state"]) for row in rows] == [("s-77QA4TBN", "LIVE")]
    assert "/v1/sessions?state=live&limit=5&person=carol&target=web-3" in http_double.seen
    lines = run("sessions", "ls", "-o", "jsonl").stdout.splitlines()
    assert len(lines) == 10
    assert all(json.loads(line)["id"].startswith("s-") for line in lines)


def test_steering(run: Run, http_double: HttpDouble) -> None:
    paused = run("sessions", "pause", "77qa4tbn")
    assert (paused.returncode, paused.stdout) == (0, "s-77QA4TBN  LIVE  paused by bob@example.com\n")
    assert run("sessions", "resume", "77QA4TBN").stdout == "s-77QA4TBN  LIVE\n"
    said = run("sessions", "message", "77QA4TBN", "hands off", "-o", "jsonl")
    assert json.loads(said.stdout)["id"] == "s-77QA4TBN"
    ended = run("sessions", "end", "77QA4TBN", "--reason", "incident 4411")
    assert (ended.returncode, ended.stdout) == (0, "s-77QA4TBN  KILLED\n")
    again = run("sessions", "end", "77QA4TBN")
    assert (again.returncode, again.stdout) == (8, "")
    assert again.stderr == "hoop-tui: s-77QA4TBN has ended already\n"
    everything = run("sessions", "end", "--person", "alice@example.com")
    assert (everything.returncode, everything.stdout) == (0, "s-91XKD0PM\n")
    nothing = run("sessions", "end", "--person", "alcie@example.com")
    assert (nothing.returncode, nothing.stdout) == (7, "")
    assert (
        nothing.stderr == "hoop-tui: nothing of alcie@example.com is open - look whether this is their name\n"
    )
    assert run("sessions", "pause", "ZZZZZZZZ").returncode == 7
    assert run("sessions", "message", "3MMD61HV", "two\nlines").returncode == 2
    for wrong in ((), ("2B8C", "--person", "alice")):
        done = run("sessions", "end", *wrong)
        assert (done.returncode, done.stderr) == (2, "hoop-tui: Name a session, or a person with --person.\n")
    assert http_double.gateway.asked[-1] != "end 2B8C"


def test_steering_that_is_not_all_done(run: Run, http_double: HttpDouble) -> None:
    http_double.override = JSONResponse({"ended": ["s-1"], "elsewhere": ["s-2\x1b[2J"]})
    done = run("sessions", "end", "--person", "alice@example.com")
    assert (done.returncode, done.stdout) == (8, "s-1\n")
    assert done.stderr == "hoop-tui: live on other gateways, which have to be asked: s-2<U+001B>[2J\n"
    http_double.override = problem(403, "you may watch s-1, and not steer it: that takes an operator")
    assert run("sessions", "pause", "2B8CK4TQ").returncode == 4


def test_hostile_text_is_harmless_in_every_form(run: Run, http_double: HttpDouble) -> None:
    kept = http_double.gateway.kept["s-2B8CK4TQ"]
    evil = "\x1b]52;c;eA==\x07\u202egnp\x9b31m\r\n"
    kept.summary = kept.summary.model_copy(update={"person": evil, "client": evil, "outcome": evil})
    for arguments in (("ls",), ("ls", "-o", "json"), ("show", "2b8ck4tq"), ("show", "2B8C", "-o", "jsonl")):
        done = run("sessions", *arguments)
        assert done.returncode == 0
        assert not any(letter in done.stdout for letter in "\x1b\x07\u202e\x9b\r")
    assert "<U+001B>]52;c;eA==<U+0007><U+202E>gnp<U+009B>31m" in run("sessions", "show", "2B8C").stdout


def test_show(run: Run) -> None:
    facts = dict(line.split(maxsplit=1) for line in run("sessions", "show", "s-2B8CK4TQ").stdout.splitlines())
    assert facts["id"] == "s-2B8CK4TQ"
    assert facts["target"] == "ssh:web-1 (env=prod)"
    assert facts["started"] == "2026-11-20 09:12:00Z"
    assert facts["length"] == "08:57"


def test_export(run: Run, tmp_path: Path) -> None:
    done = run("sessions", "export", "9THB3FYS", "--as", "txt")
    assert done.returncode == 0
    assert "switch traffic" in done.stdout
    assert run("sessions", "export", "9THB3FYS", "--as", "cast2", "-o", "x.cast").returncode == 0
    assert b"switch traffic" in (tmp_path / "x.cast").read_bytes()
    again = run("sessions", "export", "9THB3FYS", "--as", "cast2", "-o", "x.cast")
    assert again.returncode == 1
    assert "exists already" in again.stderr
    missing = run("sessions", "export", "NNNN", "--as", "cast2", "-o", "y.cast")
    assert missing.returncode == 7
    assert not (tmp_path / "y.cast").exists()
    nowhere = run("sessions", "export", "9THB3FYS", "--as", "txt", "-o", "no/such/dir")
    assert nowhere.returncode == 1
    assert "can not be written" in nowhere.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (("sessions", "ls"), {"HOOP_TOKEN": ""}, 3, "There is no token"),
        (("sessions", "ls"), {"HOOP_GATEWAY": ""}, 3, "Name a gateway"),
        (("sessions", "ls"), {"HOOP_TOKEN": "wrong"}, 3, "does not know this token"),
        (("sessions", "show", "NNNN"), {}, 7, "knows no session s-NNNN"),
        (("sessions", "show", "../me"), {}, 2, "A session id looks like"),
        (("sessions", "ls"), {"HOOP_GATEWAY": "http://127.0.0.1:1"}, 9, "There is no gateway at 127.0.0.1:1"),
        (("sessions", "ls"), {"HOOP_GATEWAY": "ftp://x"}, 2, "gateway's address"),
        (("sessions", "ls", "--token-file", "missing"), {}, 2, "can not be read"),
        (("sessions", "ls", "-o", "xml"), {}, 2, "xml"),
        (("sessions", "frobnicate"), {}, 2, "frobnicate"),
        (("sessions", "export", "2B8C"), {}, 2, "--as"),
    ],
)
def test_exit_codes(
    run: Run, arguments: tuple[str, ...], environ: dict[str, str], code: int, words: str
) -> None:
    is_refused(run(*arguments, **environ), code, words)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "needs a terminal"),
        (("play", "2B8C@8:39"), 2, "needs a terminal"),
        (("sessions", "show", "NNNN"), 7, "knows no session s-NNNN"),
    ],
)
def test_exit_codes_of_a_process(run_alone: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    is_refused(run_alone(*arguments), code, words)


def is_refused(done: "subprocess.CompletedProcess[str]", code: int, words: str) -> None:
    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr


def test_a_token_file_that_others_can_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o640)
    done = run("sessions", "ls", "--token-file", "token", HOOP_TOKEN="")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    path.chmod(0o600)
    assert run("sessions", "ls", "--token-file", "token", HOOP_TOKEN="").returncode == 0


def test_a_reader_that_goes_away(http_double: HttpDouble, tmp_path: Path) -> None:
    command = '"$0" sessions ls -o json | head -c 1'
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HOOP_GATEWAY": http_double.url,
        "HOOP_TOKEN": TOKEN,
    }
    done = subprocess.run(
        ["bash", "-c", command, str(BIN / "hoop-tui")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "["
    assert done.stderr == ""


def test_version(run_alone: Run) -> None:
    said = run_alone("version").stdout
    assert said == run_alone("--version").stdout
    assert said.startswith("hoop-tui ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['hoop-tui', *sys.argv[1:]]\n"
        "from hoop_tui.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'textual', 'httpx2', 'pydantic', 'asyncio', 'pyghostty'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    for arguments in (["--help"], ["sessions", "--help"], ["sessions", "export", "--help"], ["version"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stdout.endswith("HEAVY []\n"), done.stdout + done.stderr


def test_help_is_quick(tmp_path: Path) -> None:
    """CPU time, so that a busy machine does not matter; compiled modules, as any second start has them."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def cost(*command: str) -> float:
        def spent() -> float:
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime

        best = 99.0
        for _ in range(4):
            before = spent()
            subprocess.run(command, env=environ, capture_output=True, timeout=60, check=True)
            best = min(best, spent() - before)
        return best

    bare = cost(sys.executable, "-c", "pass")
    assert cost(str(BIN / "hoop-tui"), "--help") - bare < 0.25
