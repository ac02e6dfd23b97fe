"""Runs the real command in a scratch directory: in a process of its own, or quicker in this one."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from gateway.cli import main

CONFIG = """\
version = 1

[gateway]
data_dir = "data"

[listen]
ssh = "127.0.0.1:0"

[ssh]
connect_timeout = "5s"

[[person]]
name = "carol@example.com"
roles = ["person", "auditor"]

[[person]]
name = "dan@example.com"
disabled = true

[[target]]
name = "web-1"
kind = "ssh"
to = "127.0.0.1:1"
user = "deploy"
labels = { env = "prod" }
key = { env = "NOT_SET_HERE" }

[[target]]
name = "local-*"
kind = "ssh"
to = "{name}.invalid:22"
user = "deploy"
key = { env = "NOT_SET_HERE" }
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration to work with."""
    path = tmp_path / "hoop.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Run `hoop-gateway` with these arguments in a process of its own."""

    def ran(*arguments: str | Path, **environ: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=tmp_path,
            env={**_environment(tmp_path), **environ},
            timeout=60,
            check=False,
        )
        told = ended.stderr.decode()
        assert environ.get("HOOP_DEBUG") or "Traceback" not in told
        return Ended(ended.returncode, ended.stdout.decode(), told)

    return ran


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same in this process, which is much quicker: in a thread, because commands have their own event loop."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str | Path, stdin: str = "", **environ: str) -> Ended:
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        with ThreadPoolExecutor(1) as thread, mock.patch.dict(os.environ, environ, clear=False):
            with (
                redirect_stdout(out),
                redirect_stderr(err),
                mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            ):
                code = thread.submit(main.run, list(map(str, arguments))).result()
            out.flush()
            err.flush()
        shown, told = (stream.buffer.getvalue().decode() for stream in (out, err))
        return Ended(code, shown, told)

    for name in set(os.environ) - set(_environment(tmp_path)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return ran


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOP_")}
    return {**kept, "HOME": str(home)}
