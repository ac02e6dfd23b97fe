"""`hoop-tui login --machine`: secrets and CI tokens for a short token, and nothing secret in between."""

import json
import re
from pathlib import Path

import pytest

from tests.tui.conftest import Program
from tests.tui.sign_in_double import CI_TOKEN, SECRET, SignInDouble

CANARY = re.compile(r"canary")


def kept(program: Program) -> dict[str, object]:
    return dict(json.loads((program.config / "sign-in.json").read_text()))


def test_machines(program: Program, sign_in_double: SignInDouble, tmp_path: Path) -> None:
    done = program("login", "--machine", "deploy-bot", HOOP_CLIENT_SECRET=SECRET)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("signed in as deploy-bot until ")
    assert not CANARY.search(done.stderr)
    assert sign_in_double.good[str(kept(program)["token"])] == "machine"
    (program.config / "sign-in.json").unlink()
    printed = program("login", "--machine", "deploy-bot", "--print", HOOP_ID_TOKEN=CI_TOKEN)
    assert printed.stdout.strip() in sign_in_double.good
    assert printed.stdout.count("\n") == 1
    assert printed.stderr == ""
    assert not (program.config / "sign-in.json").exists()
    file = tmp_path / "subject"
    file.write_text(f"{CI_TOKEN}\n")
    assert program("login", "--machine", "deploy-bot", "--subject-token-file", str(file)).returncode == 0


@pytest.mark.parametrize(
    ("words", "environ", "code", "sentence"),
    [
        ((), {}, 2, "Set HOOP_CLIENT_SECRET or HOOP_ID_TOKEN, or name a file"),
        ((), {"HOOP_CLIENT_SECRET": "a", "HOOP_ID_TOKEN": "b"}, 2, "and not both"),
        ((), {"HOOP_CLIENT_SECRET": "wrong-canary"}, 3, "do not belong together"),
        (("--subject-token-file", "/nowhere/token"), {}, 2, "can not be read"),
        (("--subject-token-file", "/dev/null"), {}, 2, "holds no token"),
    ],
)
def test_machines_that_may_not(
    program: Program, words: tuple[str, ...], environ: dict[str, str], code: int, sentence: str
) -> None:
    done = program("login", "--machine", "deploy-bot", *words, **environ)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert not CANARY.search(done.stderr)
