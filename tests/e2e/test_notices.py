"""Notices of a served gateway: what waited when it was killed arrives after the next start."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.served import PATIENCE, Served
from tests.notify.receivers import SECRET, Http, babbles, hangs, http, plainly
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

MORE = """
[notify.hook]
kind = "webhook"
url = { file = "hook_url" }
secret = { file = "hook_secret" }
send = ["approval.*"]
timeout = "1m"

[[rule]]
id = "ask"
match = { command = "touch *" }
do = "hold"
risk = "high"
ask = { group = "dev", ttl = "5m" }
"""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    sshd = Sshd(tmp_path / "sshd")
    await sshd.start()
    made = Served(tmp_path, sshd, forked=True)
    yield made
    if made.process is not None:
        await made.stop(signal.SIGKILL)
    await sshd.stop()


def private(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def tells(served: Served, server: Http) -> None:
    """It is told of a receiver."""
    private(served.directory / "hook_url", server.url)
    private(served.directory / "hook_secret", SECRET)
    served.write(more=MORE)


async def ask(served: Served) -> "asyncio.subprocess.Process":
    pipe = asyncio.subprocess.PIPE
    command = served.ssh("web-1@127.0.0.1", "touch /tmp/nothing-of-this-is-run")
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=dict(os.environ))


async def notices(served: Served) -> str:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{served.ports['admin']}/readyz?verbose")
    assert answer.status_code == 200
    return str(answer.json()["checks"]["notices"])


async def until(served: Served, words: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await notices(served) != words:
            await asyncio.sleep(0.05)


async def test_killed_while_it_sends_it_sends_again(served: Served) -> None:
    async with http(hangs) as server:
        tells(served, server)
        await served.start()
        assert await notices(served) == "ok: 0 wait, 0 given up in three days"
        asking = await ask(served)
        await server.comes(1, PATIENCE)  # the receiver has it, and says nothing
        assert await notices(served) == "ok: 1 wait, 0 given up in three days"
        listed = await served.gateway("notify", "ls", "--config", str(served.config), "-o", "json")
        (row,) = json.loads(listed.out)
        assert (row["name"], row["kind"], row["waiting"], row["given_up"]) == ("hook", "webhook", 1, 0)
        await served.stop(signal.SIGKILL)
        await asyncio.wait_for(asking.wait(), PATIENCE)
        server.answers = [plainly()]
        await served.start()
        got: list[Any] = [json.loads(each.body) for each in await server.comes(3, PATIENCE)]
        await until(served, "ok: 0 wait, 0 given up in three days")
        await served.stop()
    assert [each["event"] for each in got] == ["approval.opened", "approval.opened", "approval.expired"]
    assert got[0]["id"] == got[1]["id"]
    assert {each["request"] for each in got} == {got[0]["request"]}
    assert "nothing-of-this" not in str(got)


async def test_a_reload_changes_who_is_told(served: Served) -> None:
    async with http() as server, http() as other:
        tells(served, server)
        await served.start()
        private(served.directory / "hook_url", other.url)
        served.config.write_text(served.config.read_text().replace('"approval.*"', '"approval.opened"'))
        assert served.process is not None
        served.process.send_signal(signal.SIGHUP)
        await served.says("configuration reloaded")
        asking = await ask(served)
        await other.comes(1, PATIENCE)
        asking.terminate()
        await asking.wait()
        await asyncio.sleep(1.5)
        assert (len(server.got), len(other.got)) == (0, 1)
        await served.stop()


async def test_the_command_says_what_the_receiver_said(served: Served) -> None:
    command = ["notify", "test", "hook", "--config", str(served.config)]
    async with http(plainly(200, b"thank\x1b you"), plainly(404, b"no /averysecretpart"), babbles) as server:
        tells(served, server)
        good, bad, strange = [await served.gateway(*command) for _ in range(3)]
        unknown = await served.gateway(*command[:2], "siem", *command[3:])
        (first, *_) = server.got
    assert (good.status, good.out) == (0, "hook took it: status 200: thank<U+001B> you\n")
    assert json.loads(first.body)["event"] == "test"
    assert bad.status == 1
    assert bad.err == (
        "hoop-gateway: hook did not take it: it answered with status 404\nhoop-gateway: it said: no /***\n"
    )
    assert strange.status == 1
    assert "what it answers is not HTTP" in strange.err
    assert (unknown.status, unknown.err) == (7, "hoop-gateway: there is no receiver siem; known: hook\n")
