"""ssh -A where a target may use it: a stock ssh-agent at home, stock ssh-add on the target, the gateway between."""

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.forwarding import running, sessions_over, until
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "ssh-agent")]


class Agent:
    """An ssh-agent of our own with one key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "agent"
        self.key = asyncssh.generate_private_key("ssh-ed25519", comment="carried")
        self.fingerprint = self.key.get_fingerprint()

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", self.socket, stdout=-3)
        async with asyncio.timeout(PATIENCE):
            while not self.socket.exists():
                await asyncio.sleep(0.02)
        path = self.directory / "carried"
        path.touch(0o600)
        path.write_bytes(self.key.export_private_key())

        async def added() -> bool:
            await self.add(str(path))
            return self.fingerprint.encode() in await self.add("-l")

        await until(added)  # its socket is there before it listens

    async def add(self, *arguments: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            "ssh-add",
            *arguments,
            env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return out

    async def stop(self) -> None:
        self.process.terminate()
        await self.process.wait()


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    directory = Path(tempfile.mkdtemp(prefix="hoop-agent-"))  # short: sockets have short names
    agent = Agent(directory)
    await agent.start()
    yield agent
    await agent.stop()
    shutil.rmtree(directory)


@pytest.fixture
def forwarding(ssh: StockSsh, house: House, agent: Agent) -> list[str]:
    """What a client is started with."""
    house.change("web-1", agent_forwarding=True)
    return ["-A", "-o", f"IdentityAgent={agent.socket}", "web-1@gw"]


def deciding(house: House, decide: Callable[[Operation], Verdict]) -> list[Operation]:
    """Use this for what the agent is asked; what it was asked so far."""
    asked: list[Operation] = []

    def decision(operation: Operation, session: Session) -> Verdict:
        if operation.verb != "sign":
            return Allow("everything")
        asked.append(operation)
        return decide(operation)

    house.decide = decision
    return asked


SIGN = "echo hello > $HOME/x && ssh-keygen -q -Y sign -n letters -f $HOME/key.pub $HOME/x && cat $HOME/x.sig"


def at_home(directory: Path, agent: Agent, command: str) -> str:
    """A command with a home of its own on the target, and only the public half of the key in it."""
    directory.mkdir(exist_ok=True)
    (directory / "key.pub").write_bytes(agent.key.export_public_key())
    return f"export HOME={directory}; {command}"


async def test_off_unless_the_target_has_it(ssh: StockSsh, house: House, agent: Agent) -> None:
    asked = deciding(house, lambda operation: Allow("everything"))
    command = ("-o", f"IdentityAgent={agent.socket}", "web-1@gw", "echo agent=$SSH_AUTH_SOCK")
    assert (await ssh.run("-A", *command)).out == b"agent=\n"
    house.change("web-1", agent_forwarding=True)
    assert (await ssh.run("-a", *command)).out == b"agent=\n"
    assert (await ssh.run("-A", *command)).out.startswith(b"agent=/")
    assert asked == []


async def test_listing(ssh: StockSsh, house: House, agent: Agent, forwarding: list[str]) -> None:
    asked = deciding(house, lambda operation: Allow("agents"))
    ran = await ssh.run(*forwarding, "ssh-add -l")
    assert agent.fingerprint.encode() in ran.out
    (operation,) = asked
    assert (operation.text, operation.details["what"]) == ("list the keys of the agent", "list")
    (entry,) = await house.entries("agent.asked")
    assert entry.body == {"what": "list", "key": "", "granted": True}
    assert "list the keys of the agent" in [
        mark["text"] for mark in house.recording().facts_of(FrameKind.MARK)
    ]


async def test_signing(
    ssh: StockSsh, house: House, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    asked = deciding(house, lambda operation: Allow("agents"))
    ran = await ssh.run(*forwarding, at_home(tmp_path / "there", agent, SIGN))
    assert b"BEGIN SSH SIGNATURE" in ran.out
    signing = [operation for operation in asked if operation.details["what"] == "sign"]
    assert [operation.text for operation in signing] == [
        f'sign with {agent.fingerprint} - a signature for "letters"'
    ]
    assert signing[0].resources == (agent.fingerprint,)
    entries = [entry.body for entry in await house.entries("agent.asked")]
    assert {"what": "sign", "key": agent.fingerprint, "granted": True} in entries
    admitted = [entry.body["text"] for entry in await house.entries("operation.admitted")]
    assert signing[0].text in admitted


async def test_onward_from_the_target(
    ssh: StockSsh, house: House, sshd: Sshd, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    """The reason why people forward agents: to sign in from there somewhere else."""
    (sshd.directory / "authorized_keys").write_bytes(
        sshd.login_key.export_public_key() + agent.key.export_public_key()
    )
    asked = deciding(house, lambda operation: Allow("agents"))
    onward = (
        f"ssh -F /dev/null -o UserKnownHostsFile={tmp_path}/known -o StrictHostKeyChecking=accept-new "
        f"-o BatchMode=yes -p {sshd.port} {sshd.user}@127.0.0.1 echo onward"
    )
    ran = await ssh.run(*forwarding, onward)
    assert ran.out == b"onward\n"
    texts = [operation.text for operation in asked]
    assert texts[-1] == f"sign with {agent.fingerprint} - a sign-in over SSH as {sshd.user}"


async def test_blocked(
    ssh: StockSsh, house: House, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    deciding(
        house,
        lambda operation: (
            Deny("no-signing", "use a deploy key")
            if operation.details["what"] == "sign"
            else Allow("everything")
        ),
    )
    ran = await ssh.run(*forwarding, at_home(tmp_path / "there", agent, SIGN + "; echo status $?"))
    assert b"BEGIN SSH SIGNATURE" not in ran.out
    assert ran.out.startswith(b"status ")
    assert "hoop: blocked by no-signing - use a deploy key" in ran.said
    entries = [entry.body for entry in await house.entries("agent.asked")]
    assert {"what": "sign", "key": agent.fingerprint, "granted": False} in entries


async def test_held_and_approved(
    ssh: StockSsh, house: House, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    deciding(
        house,
        lambda operation: (
            Hold("ask", "", frozenset({"sre"}))
            if operation.details["what"] == "sign"
            else Allow("everything")
        ),
    )
    command = at_home(tmp_path / "there", agent, SIGN)
    running_now = asyncio.create_task(ssh.run(*forwarding, command))
    (request,) = await until(lambda: house.ledger.approvals(state="held"))
    assert request.text.startswith(f"sign with {agent.fingerprint}")
    await house.approvals.settle(request.id, BOB, True, request.sha256)
    ran = await running_now
    assert b"BEGIN SSH SIGNATURE" in ran.out
    assert f"hoop: held {request.id}" in ran.said


async def test_what_is_never_passed_on(
    ssh: StockSsh, house: House, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    asked = deciding(house, lambda operation: Allow("agents"))
    other = asyncssh.generate_private_key("ssh-ed25519")
    path = tmp_path / "other"
    path.touch(0o600)
    path.write_bytes(other.export_private_key())
    ran = await ssh.run(*forwarding, f"ssh-add -D; ssh-add {path}; ssh-add -d {path}; ssh-add -l")
    assert agent.fingerprint.encode() in ran.out, "it is still there, and nothing else"
    assert other.get_fingerprint().encode() not in await agent.add("-l")
    assert {operation.details["what"] for operation in asked} == {"list"}
    refused = [
        entry.body["what"] for entry in await house.entries("agent.asked") if not entry.body["granted"]
    ]
    assert "remove all keys" in refused
    assert any(what.startswith("add a key") for what in refused)
    marks = [mark["text"] for mark in house.recording().facts_of(FrameKind.MARK)]
    assert "the agent was not asked to remove all keys" in marks


async def test_in_a_jump(ssh: StockSsh, house: House, agent: Agent, forwarding: list[str]) -> None:
    """The outer connection has no session that could have an agent; the inner one has."""
    key = (ssh.directory / "known_hosts").read_text().split(" ", 1)[1]
    with (ssh.directory / "known_hosts").open("a") as known:
        known.write(f"web-1 {key}")
    proxy = f"ProxyCommand=ssh -F {ssh.directory}/config -W web-1:22 gw"
    forward = (*forwarding[:-1], "-o", proxy, "-o", "HostKeyAlias=web-1")
    ran = await ssh.run(*forward, "web-1", "ssh-add -l")
    assert agent.fingerprint.encode() in ran.out


async def test_nobody_left_behind(
    ssh: StockSsh, house: House, agent: Agent, forwarding: list[str], tmp_path: Path
) -> None:
    """A program on the target still talks when the client goes away."""
    program = (
        "import os, socket, time; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); "
        "s.send(bytes([0, 0, 0, 1, 11])); print(len(s.recv(9999)), flush=True); time.sleep(60)"
    )
    talk = shlex.join([sys.executable, "-c", program])
    async with running(ssh, *forwarding, talk) as client:
        assert client.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert int(await client.stdout.readline()) > 5
        client.kill()
    assert await sessions_over(house) == ["disconnected"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "ssh agent talk"]
