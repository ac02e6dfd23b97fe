"""Secrets by reference: what is found, what is refused, and that no Fault ever contains a value."""

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.files import read_secret_file, secret_file_problem
from gateway.secrets.references import ReferenceSecrets
from gateway.secrets.values import LIMIT

CANARY = "canary-7b1f0c9e"


def kept(directory: Path, value: bytes, mode: int = 0o600) -> Path:
    path = directory / "secret"
    path.write_bytes(value)
    path.chmod(mode)
    return path


async def fetched(reference: dict[str, Any], **environ: str) -> bytes:
    return (await ReferenceSecrets({**os.environ, **environ}).fetch(reference)).expose()


async def fault(reference: dict[str, Any], seconds: float = 10.0, **environ: str) -> str:
    with pytest.raises(Fault) as caught:
        await ReferenceSecrets({**os.environ, **environ}, command_seconds=seconds).fetch(reference)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.sentence
    assert CANARY not in told
    return caught.value.sentence


async def test_environment() -> None:
    assert await fetched({"env": "DB_PASSWORD"}, DB_PASSWORD=CANARY + "\n") == CANARY.encode() + b"\n"
    assert await fault({"env": "NOT_THERE"}) == "the environment variable NOT_THERE is not set"
    assert await fault({"env": "EMPTY"}, EMPTY="") == "the environment variable EMPTY is not set"


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (b"pw", b"pw"),
        (b"pw\n", b"pw"),
        (b"pw\r\n", b"pw"),
        (b"pw\n\n", b"pw\n"),
        (b" pw \r", b" pw \r"),
        (b"\xff\x00\n", b"\xff\x00"),
        (b"-----BEGIN X-----\nAA\n-----END X-----\n", b"-----BEGIN X-----\nAA\n-----END X-----\n"),
    ],
)
async def test_file_and_its_line_break(tmp_path: Path, stored: bytes, value: bytes) -> None:
    assert await fetched({"file": str(kept(tmp_path, stored))}) == value


async def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path, CANARY.encode(), 0o644)
    sentence = await fault({"file": str(path)})
    assert sentence == f"the secret file {path} can be read by everybody on this machine: run chmod 600 on it"
    path.chmod(0o602)
    assert "can be changed by everybody" in await fault({"file": str(path)})
    path.chmod(0o440)
    assert await fetched({"file": str(path)}) == CANARY.encode()


async def test_files_that_are_no_secret(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert await fault({"file": str(missing)}) == f"the secret file {missing} does not exist"
    assert "not an ordinary file" in await fault({"file": str(tmp_path)})
    assert "is empty" in await fault({"file": str(kept(tmp_path, b"\n"))})
    assert "longer than 64 KiB" in await fault({"file": str(kept(tmp_path, b"x" * (LIMIT + 1)))})
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "not an ordinary file" in await fault({"file": str(pipe)})


def test_file_of_somebody_else(tmp_path: Path) -> None:
    path = kept(tmp_path, CANARY.encode(), 0o000)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        sentence = secret_file_problem(str(path))
    finally:
        os.seteuid(me)
    assert sentence == f"the secret file {path} can not be read by this user"


def test_problem_is_the_same_sentence(tmp_path: Path) -> None:
    path = kept(tmp_path, CANARY.encode())
    assert secret_file_problem(str(path)) == ""
    assert CANARY not in repr(read_secret_file(str(path)))
    path.chmod(0o644)
    assert "chmod 600" in secret_file_problem(str(path))


async def test_command_gets_its_arguments_and_no_shell() -> None:
    script = "import sys; print(sys.argv[1])"
    value = await fetched({"command": [sys.executable, "-c", script, "$HOME; echo x"]})
    assert value == b"$HOME; echo x"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (f"import sys; print('{CANARY}'); sys.exit('{CANARY}')", "failed with exit status 1"),
        ("pass", "printed nothing"),
        (f"print('{CANARY}' * 9000)", "printed more than 64 KiB"),
    ],
)
async def test_command_that_fails(script: str, sentence: str) -> None:
    told = await fault({"command": [sys.executable, "-c", script]})
    assert told.startswith("the secret command python")
    assert told.endswith(sentence)


async def test_command_that_does_not_exist() -> None:
    assert await fault({"command": ["no-such-program"]}) == (
        "the secret command no-such-program can not be started"
    )


async def test_slow_command_leaves_nothing_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid}; wait"
    sentence = await fault({"command": ["sh", "-c", script]}, seconds=1.0)
    assert sentence == "the secret command sh gave no answer in 1 seconds"
    child = int(pid.read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the command's child is still running")


async def test_command_that_leaves_its_output_open_is_given_up() -> None:
    script = "import os,time\nif os.fork() == 0:\n os.setsid(); time.sleep(2)\n"
    told = await fault({"command": [sys.executable, "-c", script]}, seconds=0.7)
    assert told.endswith("gave no answer in 0.7 seconds")


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"vault_db": "x"},
        {"vault_ssh": "x"},
        {"env": "A", "file": "b"},
        {"env": "A", "aws": "b"},
        {"secret": CANARY},
    ],
)
async def test_reference_that_is_none(reference: dict[str, Any]) -> None:
    assert await fault(reference) == "a secret reference must be one of env, file, command, vault and aws"


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ({"env": 1}, "a secret in the environment must be the name of its variable"),
        ({"env": "A", "more": 1}, "a secret in the environment must be the name of its variable"),
        ({"file": 1}, "a secret file must be a path"),
        ({"command": []}, "a secret command must be a list of a program and its arguments"),
        ({"command": "ls"}, "a secret command must be a list of a program and its arguments"),
        (
            {"vault": "secret/data/a#b"},
            "a secret is in vault, and the configuration does not say how to reach that",
        ),
    ],
)
async def test_reference_that_is_wrong(reference: dict[str, Any], sentence: str) -> None:
    assert await fault(reference) == sentence


async def test_commands_do_not_get_what_other_references_name() -> None:
    """What is named in the configuration, and what was fetched; all the rest is there."""
    environ = {**os.environ, "NAMED": CANARY, "FETCHED": CANARY, "OPEN": "yes"}
    secrets = ReferenceSecrets(environ, withheld=["NAMED"])
    show = {
        "command": [
            sys.executable,
            "-c",
            "import os; print(sorted({*os.environ} & {'NAMED', 'FETCHED', 'OPEN'}))",
        ]
    }
    assert (await secrets.fetch(show)).expose() == b"['FETCHED', 'OPEN']"
    await secrets.fetch({"env": "FETCHED"})
    assert (await secrets.fetch(show)).expose() == b"['OPEN']"


async def test_others_fetch_what_is_elsewhere() -> None:
    """By the key of the reference, which they get whole; so does whoever is told to forget."""

    class Elsewhere:
        forgotten: tuple[Any, ...] = ()

        async def fetch(self, reference: Any) -> Secret:
            return Secret(repr(reference))

        def forget(self, reference: Any) -> None:
            self.forgotten = (*self.forgotten, reference)

    elsewhere = Elsewhere()
    secrets = ReferenceSecrets({}, others={"aws": elsewhere})
    reference = {"aws": "prod/appdb", "region": "eu-west-1"}
    assert (await secrets.fetch(reference)).expose() == repr(reference).encode()
    secrets.forget(reference)
    secrets.forget({"env": "A"})
    assert elsewhere.forgotten == (reference,)
