"""What the gateway does for the sake of one kind of client: each has its reason in how that client behaves."""

import asyncio
import os
from pathlib import Path

import asyncssh
import pytest
from asyncssh.packet import Boolean, NameList, SSHPacket, String

from gateway.adapters.ssh import environment
from gateway.adapters.ssh.connection import whole
from gateway.adapters.ssh.door.first_guess import guessed_wrong
from gateway.adapters.ssh.door.settings import CIPHERS_FOR_PEOPLE, CIPHERS_WITHOUT_GCM, SshDoor, ciphers_for
from gateway.core.verdict import Allow
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import ALICE, House
from tests.ssh.raw import converse, is_well
from tests.ssh.sshd import free_port
from tests.ssh.test_hostile_names import whole_puppet

GCM = [name.encode() for name in CIPHERS_FOR_PEOPLE]


def proposal(*, kex: list[bytes], host_keys: list[bytes], follows: bool) -> bytes:
    lists = [NameList(kex), NameList(host_keys), *[NameList([b"x"])] * 8]
    return b"\x14" + os.urandom(16) + b"".join(lists) + bytes([follows]) + bytes(4)


@pytest.mark.parametrize(
    ("kex", "host_keys", "follows", "wrong"),
    [
        ([b"a", b"b"], [b"k"], True, False),
        ([b"b", b"a"], [b"k"], True, True),
        ([b"a", b"b"], [b"j", b"k"], True, True),
        ([b"b", b"a"], [b"j"], False, False),
        ([], [], True, True),
    ],
)
def test_a_guess(kex: list[bytes], host_keys: list[bytes], follows: bool, wrong: bool) -> None:
    """It counts when both sides like the same best, and only then."""
    ours = proposal(kex=[b"a", b"c"], host_keys=[b"k"], follows=False)
    assert guessed_wrong(proposal(kex=kex, host_keys=host_keys, follows=follows), ours) is wrong


async def test_a_signature_that_begins_with_zeros(house: House) -> None:
    """PuTTY sends it without them."""
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    house.known.replace({ALICE: [key.export_public_key().decode()]})
    puppet = await whole_puppet(house)
    proof, kind = (Boolean(True), String(b"rsa-sha2-256"), String(key.public_data)), b"publickey"
    for number in range(20_000):
        name = b"t%d" % number
        signed = b"".join(map(String, (name, b"ssh-connection", kind))) + b"".join(proof)
        signature = key.sign(String(puppet._session_id) + b"\x32" + signed, b"rsa-sha2-256")
        number_part = SSHPacket(signature[4 + len(b"rsa-sha2-256") :]).get_string()
        if not number_part[0]:
            break
    assert len(number_part) == 256
    short = String(b"rsa-sha2-256") + String(number_part.lstrip(b"\0"))
    puppet.request(kind, *proof, String(short), name=name)
    async with asyncio.timeout(PATIENCE):
        while not await house.entries("identity.accepted"):
            await asyncio.sleep(0.02)
    puppet.abort()
    await puppet.wait_closed()


def test_signatures_made_whole() -> None:
    """Of RSA only, and never shorter; what can not be read is left to whoever looks closer."""
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048).public_data
    short = String(b"rsa-sha2-512") + String(b"x" * 255)
    assert whole(short, rsa) == String(b"rsa-sha2-512") + String(b"\0" + b"x" * 255)
    for left_alone in (
        String(b"rsa-sha2-512") + String(b"x" * 300),
        String(b"ssh-ed25519") + String(b"x"),
        b"",
        b"\0",
    ):
        assert whole(left_alone, rsa) == left_alone
    assert whole(short, b"nonsense") == short
    assert whole(short + b"more", rsa) == short + b"more"


def test_ciphers_by_client() -> None:
    """OpenSSH would take AES-CTR before AES-GCM; others may have nothing else."""
    assert ciphers_for(b"SSH-2.0-OpenSSH_9.2p1 Debian-2", GCM) == GCM
    others = ciphers_for(b"SSH-2.0-dropbear_2022.83", GCM)
    assert others == [*GCM, *(name.encode() for name in CIPHERS_WITHOUT_GCM)]
    assert ciphers_for(b"SSH-2.0-dropbear_2022.83", others) == others, "a second key exchange adds nothing"
    assert ciphers_for(b"SSH-2.0-dropbear_2022.83", GCM[1:]) == GCM[1:], "what an operator chose stays"


def test_variables_that_a_target_takes() -> None:
    also = ("DEPLOY_ENV", "CI_*")
    for name in (b"LANG", b"LC_TIME", b"DEPLOY_ENV", b"CI_", b"CI_JOB"):
        assert environment.is_allowed(name, b"x-1", also)
    for name in (
        b"DEPLOY_ENVY",
        b"DEPLOY",
        b"XCI_JOB",
        b"CI_JOB\n",
        b"CI_job",
        b"CI_" + b"X" * 70,
        b"LD_PRELOAD",
    ):
        assert not environment.is_allowed(name, b"x-1", also)
    assert not environment.is_allowed(b"DEPLOY_ENV", b"$(id)", also)
    assert not environment.is_allowed(b"DEPLOY_ENV", b"x")


def test_no_banner() -> None:
    assert SshDoor(Path("key"), banner=("",)).banner_lines == ()
    assert SshDoor(Path("key")).banner_lines != ()


@pytest.mark.parametrize("line", [b"\n", b"GET / HTTP/1.1\r\n", b"SSH-1.5-old\r\n", b"hello\n"])
async def test_words_for_whoever_speaks_no_ssh(house: House, line: bytes) -> None:
    """The words of OpenSSH, which tools look for."""
    heard = await converse(house.port, [], line)
    assert heard == b"SSH-2.0-OpenSSH_hoop\r\nInvalid SSH identification string.\r\n"
    assert await is_well(house)


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_a_door_without_a_banner(tmp_path: Path, house: House, ssh: StockSsh) -> None:
    (target,) = house.targets_offered
    silent = await House.open(tmp_path / "silent", banner=("",))
    try:
        silent.environ.update(house.environ)
        silent.add(target)
        ran = await StockSsh(tmp_path / "other", silent).run("web-1@gw", "echo err >&2")
        assert ran.err == b"err\n"
    finally:
        await silent.close()


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_variables_of_one_target(ssh: StockSsh, house: House) -> None:
    words = ["-oSetEnv=DEPLOY_ENV=prod BASH_ENV=x", "web-1@gw", "echo $DEPLOY_ENV.$BASH_ENV."]
    assert (await ssh.run(*words)).out == b"..\n"
    house.change("web-1", environment=("DEPLOY_*",))
    assert (await ssh.run(*words)).out == b"prod..\n"


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_one_thing_after_another(ssh: StockSsh, house: House) -> None:
    """A listener is asked for, and a connection to it in the same breath: it is there by then, as it is with sshd."""
    house.decide = lambda operation, session: Allow("everything")

    async def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"arrived")
        writer.close()

    end = await asyncio.start_server(arrive, "127.0.0.1", 0)
    there, here = free_port(), free_port()
    last = end.sockets[0].getsockname()[1]
    process = await ssh.start(
        *("-N", "-R", f"{there}:127.0.0.1:{last}", "-L", f"{here}:127.0.0.1:{there}", "web-1@gw")
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", here)
                    break
                except OSError:
                    await asyncio.sleep(0.005)
            assert await reader.read() == b"arrived"
            writer.close()
    finally:
        process.kill()
        await process.communicate()
        end.close()
        await end.wait_closed()
