"""A served gateway in front of a real sshd: bad input at the start, reload, kill -9, a full disk, an orderly end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.served import Answer, Served, run
from tests.ssh.sshd import Sshd

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd"),
    pytest.mark.asyncio(loop_scope="module"),
]


@asynccontextmanager
async def serving(directory: Path, *, console: bool = False) -> AsyncIterator[Served]:
    sshd = Sshd(directory / "sshd")
    await sshd.start()
    made = Served(directory, sshd, console=console, forked=not console)
    made.write()
    try:
        yield made
    finally:
        if made.process is not None:
            await made.stop(signal.SIGKILL)
        await sshd.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as made:
        yield made


async def one_sentence(served: Served, status: int) -> str:
    """Serving fails with this status, one line, and no traceback; and no port was opened."""
    answer = await served.gateway("serve", "--config", str(served.config))
    assert answer.status == status, answer.err
    assert "Traceback" not in answer.err
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    return lines[0]


async def test_wrong_configuration(served: Served) -> None:
    served.config.write_text(served.config.read_text().replace("data_dir", "datadir"))
    line = await one_sentence(served, 2)
    assert 'hoop.toml:5: gateway.datadir: there is no such setting; did you mean "data_dir"?' in line


@pytest.mark.parametrize("door", ["ssh", "api"])
async def test_busy_port(served: Served, door: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        served.write(**{door: port})
        line = await one_sentence(served, 2)
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line


async def test_unreadable_host_key(served: Served) -> None:
    (served.directory / "data").mkdir(mode=0o700)
    key = served.directory / "data" / "ssh_host_ed25519_key"
    key.touch(mode=0o600)
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\ngarbage\n")
    assert str(key) in await one_sentence(served, 2)


async def test_no_configuration_at_all(served: Served) -> None:
    served.config.unlink()
    assert str(served.config) in await one_sentence(served, 2)


@dataclass
class Life:
    """What was seen of one gateway from its start to its orderly end."""

    served: Served
    seconds: float
    """Of processor time, until it was ready."""
    megabytes: float
    answer: Answer
    checks: dict[str, Any]
    status: int
    cut_off: Answer
    """Who was inside in the end."""


def spent(served: Served) -> tuple[float, float]:
    """Seconds of processor time, and megabytes."""
    assert served.process is not None
    process = Path(f"/proc/{served.process.pid}")
    user, system = map(int, (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13])
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    return (user + system) / os.sysconf("SC_CLK_TCK"), int(resident) / 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    """Started as people start it, with consoles, as a configuration that does not speak of them has it."""
    directory = tmp_path_factory.mktemp("life")
    async with serving(directory, console=True) as served:
        await served.start()
        seconds, megabytes = spent(served)
        answer = await run(*served.ssh("web-1@127.0.0.1", "echo out; echo err >&2; exit 9"))
        await run(*served.ssh("web-1@127.0.0.1", "env; id"))
        await run(*served.ssh("root%nowhere@127.0.0.1", "id"))
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{served.ports['admin']}") as http:
            assert (await http.get("/livez")).status_code == 200
            checks = (await http.get("/readyz", params={"verbose": ""})).json()
        sleeping = await asyncio.create_subprocess_exec(
            *served.ssh("web-1@127.0.0.1", "echo here; sleep 600"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert sleeping.stdout is not None
        assert await sleeping.stdout.readline() == b"here\n"
        status = await served.stop()
        out, err = await asyncio.wait_for(sleeping.communicate(), 15)
        cut_off = Answer(sleeping.returncode or 0, out.decode(), err.decode())
        yield Life(served, seconds, megabytes, answer, checks, status, cut_off)


async def test_a_command_through_it_and_an_orderly_end(life: Life) -> None:
    assert (life.answer.status, life.answer.out, life.answer.err) == (9, "out\n", "err\n")
    organs = {"ledger": "ok", "recordings": "ok", "clock": "ok", "notices": "ok: no receivers"}
    assert life.checks == {"ready": True, "checks": organs}
    assert life.status == 0
    assert "hoop: ended - the gateway is shutting down" in life.cut_off.err
    assert life.cut_off.status == 130
    last = max(life.served.directory.glob("data/recordings/**/*.hrec"), key=lambda path: path.stat().st_mtime)
    verified = await life.served.gateway("recording", "verify", str(last))
    assert verified.status == 0


async def test_a_real_sshd_with_one_kind_of_key_is_trusted(served: Served) -> None:
    """It hangs up on whoever wants another kind, sometimes before its words are read."""
    config = served.config.read_text()
    served.config.write_text(
        "\n".join(line for line in config.splitlines() if not line.startswith("host_keys"))
    )
    (served.directory / "data").mkdir(mode=0o700)
    for said in ("is trusted; pinned in", *["is trusted with this key already"] * 2):
        answer = await served.gateway("target", "trust", "web-1", "--yes", "--config", str(served.config))
        assert answer.status == 0, answer.err
        assert said in answer.err
    await served.start()
    assert (await run(*served.ssh("web-1@127.0.0.1", "echo hello"))).out == "hello\n"


async def test_it_starts_quickly_and_idles_small(life: Life, served: Served) -> None:
    """In two seconds and under 120 MB. It is 1.9 s of processor time where this was written, the best of two starts;
    slower machines, which are busy with other tests, have half as much again."""
    seconds, megabytes = life.seconds, [life.megabytes]
    if seconds >= 3:
        served.console, served.forked = True, False
        served.write()
        await served.start()
        seconds, more = spent(served)
        megabytes.append(more)
        await served.stop()
    assert max(megabytes) < 120
    assert seconds < 3


async def test_the_target_credential_never_gets_out(life: Life) -> None:
    served = life.served
    secret = b"".join((served.directory / "target_key").read_bytes().splitlines()[1:-1])[80:160]
    assert secret
    for path in served.directory.glob("data/**/*"):
        assert not path.is_file() or secret not in path.read_bytes().replace(b"\n", b"")
    assert secret.decode() not in "".join(served.log)


async def test_reload_takes_the_good_and_keeps_the_old(served: Served) -> None:
    await served.start()
    assert served.process is not None
    assert (await run(*served.ssh("web-1@127.0.0.1", "echo hello"))).status == 0
    block = '\n[[rule]]\nid = "freeze"\nmatch = { user = "*" }\ndo = "block"\nmessage = "until Monday"\n'
    served.write(more=block + "colour = 1\n")
    served.process.send_signal(signal.SIGHUP)
    await served.says(
        r"was not reloaded, the old one stays in force: .*hoop.toml:\d+: rule .*freeze.*: unknown key colour"
    )
    assert (await run(*served.ssh("web-1@127.0.0.1", "echo hello"))).status == 0
    served.write(more=block)
    served.process.send_signal(signal.SIGHUP)
    await served.says("configuration reloaded")
    answer = await run(*served.ssh("web-1@127.0.0.1", "echo hello"))
    assert (answer.status, answer.out, answer.err) == (126, "", "hoop: blocked by freeze - until Monday\n")


async def test_kill_9_loses_nothing_that_was_shown(served: Served) -> None:
    await served.start()
    client = await asyncio.create_subprocess_exec(
        *served.ssh("web-1@127.0.0.1", "seq 1 100000000"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert client.stdout is not None
    seen = await client.stdout.readexactly(300_000)
    await served.stop(signal.SIGKILL)
    seen += await client.stdout.read()
    assert await client.wait() == 255
    (path,) = served.directory.glob("data/recordings/**/*.hrec")
    out = served.directory / "out.txt"
    exported = await served.gateway("recording", "export", str(path), "--as", "cast2", "-o", str(out))
    assert exported.status == 10
    assert "cut" in exported.err
    recorded = "".join(
        event[2] for event in map(json.loads, out.read_text().splitlines()[1:]) if event[1] == "o"
    ).replace("\r\n", "\n")
    assert recorded.startswith(seen.decode())

    await served.start()
    token = (await served.tokens("alice"))["alice"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{served.ports['api']}", headers=headers
    ) as http:
        (row,) = (await http.get("/v1/sessions", params={"state": "all"})).json()["sessions"]
        assert (row["outcome"], row["state"]) == ("crash", "LOST")
        info = (await http.get(f"/v1/sessions/{row['id']}/recording")).json()
        assert info["state"] == "cut"
    assert (await run(*served.ssh("web-1@127.0.0.1", "echo again"))).out == "again\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a small disk")
async def test_a_full_disk_ends_the_session_in_words_and_keeps_what_was_shown(served: Served) -> None:
    disk = served.directory / "disk"
    disk.mkdir()
    if (await run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk))).status != 0:
        pytest.skip("no file systems can be mounted here")
    try:
        served.write(store=f'recordings = "file://{disk}/rec"')
        await served.start()
        client = await asyncio.create_subprocess_exec(
            *served.ssh("web-1@127.0.0.1", "head -c 60000000 /dev/urandom | base64"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(client.communicate(), 40)
        assert client.returncode == 125
        assert err == b"hoop: ended - this session can not be recorded any more, so nothing passes\n"
        (path,) = disk.glob("rec/**/*.hrec")
        verified = await served.gateway("recording", "verify", str(path))
        assert "Traceback" not in verified.err
        assert len(out) > 100_000
        again = await run(*served.ssh("web-1@127.0.0.1", "echo no"))
        assert (again.status, again.out) == (125, "")
        assert again.err == "hoop: blocked - this session can not be recorded, so nothing passes\n"
        await served.says(r"session s-\w+ can not be recorded: the disk for recordings is full")
        await served.stop()
    finally:
        await run("umount", str(disk))
