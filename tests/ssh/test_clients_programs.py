"""Other people's programs that speak SSH: PuTTY's plink, dropbear's client, ansible, expect."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


async def run(*command: str, typed: bytes = b"", home: Path, **more: str) -> Ran:
    """A program to its end, in a home of its own."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=-1, stdout=-1, stderr=-1, env={**os.environ, "HOME": str(home), **more}
    )
    try:
        async with asyncio.timeout(2 * PATIENCE):
            out, err = await process.communicate(typed)
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    return Ran(process.returncode or 0, out, err)


@dataclass(frozen=True)
class Plink:
    """PuTTY on a command line."""

    ssh: StockSsh
    house: House
    arguments: tuple[str, ...]

    async def run(self, *command: str, typed: bytes = b"", options: tuple[str, ...] = ()) -> Ran:
        words = ("plink", *self.arguments, *options, "web-1@127.0.0.1", *command)
        return await run(*words, typed=typed, home=self.ssh.directory)


@pytest.fixture
async def plink(ssh: StockSsh, house: House) -> Plink:
    key = ssh.directory / "id.ppk"
    made = await run(
        *("puttygen", str(ssh.directory / "id"), "-O", "private", "-o", str(key)), home=ssh.directory
    )
    assert made.status == 0, made.err
    ours = asyncssh.read_private_key(house.door.host_key_path).get_fingerprint()
    port = str(house.port)
    return Plink(ssh, house, ("-batch", "-no-antispoof", "-P", port, "-i", str(key), "-hostkey", ours))


@pytest.mark.needs("plink", "puttygen")
async def test_plink(plink: Plink, house: House) -> None:
    ran = await plink.run("echo out; echo err >&2; exit 3")
    assert (ran.status, ran.out) == (3, b"out\n")
    assert ran.said.endswith("err\n")
    data = os.urandom(3 << 20)
    assert (await plink.run("cat", typed=data)).out == data
    shell = await plink.run(typed=b"echo $((6*7)); exit 4\n", options=("-T",))
    assert (shell.status, shell.out) == (4, b"42\n")
    terminal = await plink.run("stty size; tty", options=("-t",))
    assert b"/dev/pts/" in terminal.out
    house.block("rm ")
    blocked = await plink.run("rm x")
    assert blocked.status == 126
    assert "hoop: blocked by no-such" in blocked.said


@pytest.mark.needs("plink", "puttygen")
async def test_plink_shares_a_connection(plink: Plink, house: House) -> None:
    first = asyncio.create_task(plink.run("echo 1; cat", typed=b"x" * 100_000, options=("-share",)))
    assert (await first).out == b"1\n" + b"x" * 100_000
    assert (await plink.run("echo 2", options=("-share",))).out == b"2\n"


@pytest.mark.needs("dbclient", "dropbearconvert")
async def test_dropbear(ssh: StockSsh, house: House) -> None:
    """It knows no AES-GCM, and says nothing when its reader has gone."""
    key = ssh.directory / "id.dropbear"
    made = await run(
        *("dropbearconvert", "openssh", "dropbear", str(ssh.directory / "id"), str(key)), home=ssh.directory
    )
    assert made.status == 0, made.err
    known = ssh.directory / ".ssh" / "known_hosts"
    known.parent.mkdir()
    line = asyncssh.read_private_key(house.door.host_key_path).export_public_key().decode()
    known.write_text(f"[127.0.0.1]:{house.port} {line}")
    client = ("dbclient", "-p", str(house.port), "-i", str(key), "-T", "-y", "web-1@127.0.0.1")
    ran = await run(*client, "echo out; echo err >&2; exit 3", home=ssh.directory)
    assert (ran.status, ran.out) == (3, b"out\n"), ran.err
    assert ran.said.endswith("err\n")
    data = os.urandom(2 << 20)
    assert (await run(*client, "cat", typed=data, home=ssh.directory)).out == data
    shell = await run(*client, typed=b"echo $((6*7)); exit 4\n", home=ssh.directory)
    assert (shell.status, shell.out) == (4, b"42\n")
    await run(*client, "kill -TERM $$", home=ssh.directory)
    await until(lambda: not house.gates())
    assert await house.outcomes() == ["exit 3", "exit 0", "exit 4", "signal TERM"]


@dataclass(frozen=True)
class Ansible:
    """Its settings and inventory, with the gateway as what it believes to be the host."""

    directory: Path

    async def run(self, *arguments: str, **more: str) -> Ran:
        words = ("ansible", "web-1", "-i", str(self.directory / "inventory"), *arguments)
        config = str(self.directory / "ansible.cfg")
        return await run(
            *words, typed=b"", home=self.directory, ANSIBLE_CONFIG=config, ANSIBLE_NOCOLOR="1", **more
        )


@pytest.fixture
async def ansible(ssh: StockSsh, tmp_path: Path) -> Ansible:
    directory = tmp_path / "ansible"
    directory.mkdir()
    (directory / "inventory").write_text(
        "web-1 ansible_host=gw ansible_user=web-1 ansible_python_interpreter=/usr/bin/python3\n"
    )
    (directory / "ansible.cfg").write_text(
        f"""
[defaults]
local_tmp = {directory}/local
remote_tmp = {directory}/remote
[ssh_connection]
ssh_args = -F {ssh.directory}/config -o ControlMaster=auto -o ControlPersist=2s
control_path = {directory}/%%h
retries = 0
"""
    )
    return Ansible(directory)


@pytest.mark.needs("ansible")
async def test_ansible_pings(ansible: Ansible, house: House) -> None:
    ran = await ansible.run("-m", "ping")
    assert ran.status == 0, ran
    assert b'"ping": "pong"' in ran.out
    piped = await ansible.run("-m", "command", "-a", "echo $((1+1)) done", ANSIBLE_PIPELINING="True")
    assert b"done" in piped.out
    assert await house.entries("operation.admitted")
    assert house.adapter is not None
    await until(lambda: house.adapter is not None and not house.adapter._connections)


@pytest.mark.needs("ansible", "scp", "sftp")
@pytest.mark.parametrize("method", ["piped", "scp", "sftp"])
async def test_ansible_copies(ansible: Ansible, tmp_path: Path, house: House, method: str) -> None:
    """Whatever it uses for files, what arrives is what was sent; and back again by its usual way."""
    data = os.urandom(400_000)
    (tmp_path / "source").write_bytes(data)
    there = tmp_path / "there"
    copied = await ansible.run(
        *("-m", "copy", "-a", f"src={tmp_path}/source dest={there} mode=0640"),
        ANSIBLE_SSH_TRANSFER_METHOD=method,
    )
    assert copied.status == 0, copied
    assert there.read_bytes() == data
    assert there.stat().st_mode & 0o777 == 0o640
    if method == "sftp":
        fetched = await ansible.run("-m", "fetch", "-a", f"src={there} dest={tmp_path}/back flat=yes")
        assert fetched.status == 0, fetched
        assert (tmp_path / "back").read_bytes() == data
    assert house.adapter is not None
    await until(lambda: house.adapter is not None and not house.adapter._connections)


@pytest.mark.needs("expect")
async def test_expect(ssh: StockSsh, sshd: Sshd, tmp_path: Path) -> None:
    """Somebody's old script that waits for a prompt, types, and looks at what comes."""
    script = tmp_path / "script"
    command = " ".join(ssh.command("-t", "web-1@gw", "env", "PS1=ready:", "sh"))
    script.write_text(
        f"""
        set timeout {PATIENCE:.0f}
        spawn {command}
        expect "ready:"
        send {{echo $((40+2))}}
        send "\\r"
        expect "42"
        expect "ready:"
        send "exit 9\\r"
        expect eof
        lassign [wait] pid spawn error status
        exit $status
        """
    )
    ran = await run("expect", "-f", str(script), home=tmp_path)
    assert ran.status == 9, ran
