"""What the gateway signs in to targets with never gets out: not to people, not into logs, recordings, ledger or API.

A whole gateway with marked credentials is used in every way, above all the wrong ones, and stopped in two. They are
in files, variables, commands, a vault, AWS and the gateway's own authorities. Then all that was said and written, and
what is seen of its processes from outside, is searched for them, as they are and in the forms in which they might
have been copied.
"""

import asyncio
import base64
import json
import os
import secrets
import signal
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import httpx2
import pytest
from asyncssh.constants import DISC_BY_APPLICATION
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.served import Answer, Served, run
from tests.secrets.aws_double import AwsDouble
from tests.secrets.vault_double import VaultDouble, error
from tests.ssh.house import Recording
from tests.ssh.sshd import Sshd, free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "sftp", "scp")]

TARGET = """
[[target]]
name = "{name}"
kind = "ssh"
to = "127.0.0.1:{port}"
user = "{user}"
host_keys = ["{host_key}"]
{credential}
"""


def forms(secret: bytes) -> Iterator[bytes]:
    """As it is, in hexadecimal, and in base64 wherever it may begin in what was encoded; and quoted."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret)
        inner = encoded[4 if shift else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")
    yield "".join(f"\\x{byte:02x}" for byte in secret).encode()
    yield "".join(f"%{byte:02X}" for byte in secret).encode()
    yield secret[::-1]


def seed_of(key: asyncssh.SSHKey) -> bytes:
    """The secret half of an ed25519 key: 32 bytes."""
    text = b"".join(key.export_private_key("openssh").splitlines()[1:-1])
    blob = base64.b64decode(text)
    public = key.public_data[-32:]
    at = blob.rindex(public) - 32
    assert blob[at - 4 : at] == struct.pack(">I", 64)
    return blob[at : at + 32]


def secret_of(key: asyncssh.SSHKey) -> bytes:
    """What nobody may have of an authority's key: that of databases is no ed25519."""
    if key.get_algorithm() == "ssh-ed25519":
        return seed_of(key)
    private = load_pem_private_key(key.export_private_key("pkcs8-pem"), None)
    assert isinstance(private, EllipticCurvePrivateKey)
    return private.private_numbers().private_value.to_bytes(32, "big")


class Chatty(asyncssh.SSHServer):
    """A target that asks for a password, refuses it, and tells everybody what it was. Any certificate lets in."""

    def __init__(self, mood: str, password: str) -> None:
        self._mood = mood
        self._password = password

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        self._conn.send_auth_banner(f"the password is {self._password}\r\n")
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        assert password == self._password
        if self._mood == "lets in":
            return True
        if self._mood == "hangs up":
            raise asyncssh.DisconnectError(DISC_BY_APPLICATION, f"not with {password}")
        return False

    def public_key_auth_supported(self) -> bool:
        return self._mood == "certificates"

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True


@dataclass
class Bird:
    """The gateway, the canaries, and everything that was heard."""

    served: Served
    vault: VaultDouble
    aws: AwsDouble
    canaries: dict[str, bytes] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    _servers: list[asyncssh.SSHAcceptor] = field(default_factory=list)

    def password(self, name: str) -> str:
        made = f"canary-{name}-{secrets.token_urlsafe(18)}"
        self.canaries[name] = made.encode()
        return made

    async def chatty(self, mood: str, password: str) -> tuple[int, str]:
        """Start one; its port and host key."""
        key = asyncssh.generate_private_key("ssh-ed25519")

        def serve(process: Any) -> None:
            process.stdout.write("in\n")
            process.exit(0)

        server = await asyncssh.create_server(
            lambda: Chatty(mood, password), "127.0.0.1", 0, server_host_keys=[key], process_factory=serve
        )
        self._servers.append(server)
        return server.get_port(), " ".join(key.export_public_key().decode().split()[:2])

    async def ssh(self, login: str, *words: str, options: tuple[str, ...] = (), typed: bytes = b"") -> Answer:
        return self._note(await run(*self.served.ssh(*options, f"{login}@127.0.0.1", *words), stdin=typed))

    async def other(self, program: str, *words: str, typed: bytes = b"") -> Answer:
        """scp or sftp with the options of ssh."""
        options = [word if word != "-p" else "-P" for word in self.served.ssh()[1:]]
        return self._note(await run(program, *options, *words, stdin=typed))

    async def gateway(self, *words: str) -> Answer:
        return self._note(await self.served.gateway(*words, "--config", str(self.served.config)))

    def _note(self, answer: Answer) -> Answer:
        self.heard += [answer.out.encode(), answer.err.encode()]
        return answer

    async def look_at_processes(self) -> None:
        """What everybody on the machine sees of the gateway and of what it starts; of these also their variables."""
        while True:
            gateway = self.served.process
            assert gateway is not None
            own = Path(f"/proc/{gateway.pid}/cmdline").read_bytes()
            for pid in _with_children(gateway.pid):
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                    self.seen.add(command)
                    if command != own:  # a child that has not become another program yet has the gateway's
                        self.seen.add(Path(f"/proc/{pid}/environ").read_bytes())
                except (FileNotFoundError, ProcessLookupError):
                    pass
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()


def _with_children(pid: int) -> list[int]:
    """A process, and what it has started."""
    found = [pid]
    for parent in found:
        for task in Path("/proc").glob(f"{parent}/task/*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


@pytest.fixture
async def bird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bird]:
    sshd = Sshd(tmp_path / "sshd")
    await sshd.start()
    bird = Bird(Served(tmp_path, sshd), VaultDouble(time.monotonic), AwsDouble())
    await bird.vault.start()
    bird.aws.start()
    for name, value in bird.aws.environ(tmp_path, bird.password("of AWS")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOOP_TEST_IN_ENV", bird.password("in-env"))
    bird.canaries["key of web-1"] = seed_of(sshd.login_key)
    bird.canaries["key of web-1, its text"] = b"".join(
        sshd.login_key.export_private_key().splitlines()[1:-1]
    )[80:160]
    tables = [await target(bird, name) for name in TARGETS]
    bird.served.write(more="".join([*tables, sign_in_to_the_vault(bird)]))
    yield bird
    if bird.served.process is not None:
        await bird.served.stop(signal.SIGKILL)
    await bird.close()
    await sshd.stop()
    await bird.vault.stop()
    bird.aws.stop()
    assert bird.vault.wrong == []


def sign_in_to_the_vault(bird: Bird) -> str:
    """With an AppRole; half of it is in a file, the other half comes from a command."""
    directory = bird.served.directory
    halves = {name: bird.password(name) for name in ("role-id", "secret-id")}
    for name, value in halves.items():
        (directory / f"{name}.secret").touch(0o600)
        (directory / f"{name}.secret").write_text(value)
    bird.vault.roles["approle", halves["role-id"]] = halves["secret-id"]
    return f"""
[vault]
address = "{bird.vault.address}"
timeout = "2s"
role_id = {{ file = "role-id.secret" }}
secret_id = {{ command = ["cat", "{directory}/secret-id.secret"] }}
"""


LETS_IN = ("lets-in", "in-env", "in-command", "in-vault", "in-aws", "by-ca", "by-vault")
TARGETS = (
    *LETS_IN,
    "refuses",
    "hangs-up",
    "moved",
    "moved-key",
    "down",
    "bad-key",
    "bad-command",
    "no-command",
    "vault-refused",
    "vault-forbidden",
    "vault-sealed",
    "vault-not-there",
    "vault-no-vault",
    "vault-wrong-field",
    "aws-refused",
    "aws-not-there",
    "aws-no-field",
)


async def target(bird: Bird, name: str) -> str:
    """A table of the configuration, and whatever stands behind it."""
    directory, sshd = bird.served.directory, bird.served.sshd
    password = bird.password(name)
    (directory / f"{name}.secret").touch(0o600)
    (directory / f"{name}.secret").write_text(f"{password}\n")
    port, host_key = sshd.port, sshd.host_key_line
    credential = f'password = {{ file = "{name}.secret" }}'
    if name in LETS_IN or name.endswith("-refused"):
        mood = "certificates" if name.startswith("by-") else "lets in"
        mood = "refuses" if name.endswith("-refused") else mood
        port, host_key = await bird.chatty(mood, password)
    if name.startswith(("vault-", "in-vault", "aws-", "in-aws")):
        credential = f"password = {elsewhere(bird, name, password)}"
    match name:
        case "in-env":
            credential = 'password = { env = "HOOP_TEST_IN_ENV" }'
            bird.canaries["in-env"] = os.environ["HOOP_TEST_IN_ENV"].encode()
            port, host_key = await bird.chatty("lets in", os.environ["HOOP_TEST_IN_ENV"])
        case "in-command":
            script = f"sleep 0.1; cat {directory}/in-command.secret"
            credential = f'password = {{ command = ["sh", "-c", "{script}"] }}'
        case "by-ca":
            credential = 'auth = "ca"'
        case "by-vault":
            credential = 'key = { vault_ssh = "ssh/sign/deploy" }'
        case "refuses" | "hangs-up":
            port, host_key = await bird.chatty(name.replace("-", " "), password)
        case "moved" | "moved-key":
            other = asyncssh.generate_private_key("ssh-ed25519")
            host_key = " ".join(other.export_public_key().decode().split()[:2])
            credential = 'key = { file = "target_key" }' if name == "moved-key" else credential
        case "down":
            port = free_port()
        case "bad-key":
            text = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{password}\n-----END OPENSSH PRIVATE KEY-----\n"
            (directory / f"{name}.secret").write_text(text)
            credential = f'key = {{ file = "{name}.secret" }}'
        case "bad-command":
            script = f"echo {password}; echo {password} >&2; exit 3"
            (directory / "fetch.sh").write_text(script)
            credential = f'password = {{ command = ["sh", "{directory}/fetch.sh"] }}'
        case "no-command":
            credential = f'password = {{ command = ["{directory}/no-such-program", "--slot", "4"] }}'
    return TARGET.format(name=name, port=port, user=sshd.user, host_key=host_key, credential=credential)


def elsewhere(bird: Bird, name: str, password: str) -> str:
    """Put it there, and say where it is."""
    if "aws" in name:
        if name != "aws-not-there":
            bird.aws.keep(name, {"password": password})
        field = "other" if name == "aws-no-field" else "password"
        return f'{{ aws = "{name}", field = "{field}", region = "eu-west-1" }}'
    place = f"secret/data/{name}"
    bird.vault.kv2[place] = [{"password": password}]
    moods: dict[str, Any] = {
        "vault-forbidden": (403, error(f"{password} denied")),
        "vault-sealed": (503, error("Vault is sealed", password)),
        "vault-not-there": (404, {"data": None, "warnings": [password]}),
        "vault-no-vault": (200, f"<html>{password}</html>".encode()),
    }
    if name in moods:
        bird.vault.moods[place] = moods[name]
    return f'{{ vault = "{place}#{"other" if name == "vault-wrong-field" else "password"}" }}'


async def use_it(bird: Bird) -> None:
    """Everything people do, and everything that goes wrong."""
    assert (await bird.ssh("web-1", "echo hello; env; id; exit 3")).status == 3
    assert (await bird.ssh("web-1", options=("-tt",), typed=b"echo typed\nenv\nexit 0\n")).status == 0
    assert (await bird.ssh("web-1", "cat", typed=b"some input\n")).out == "some input\n"
    for name in LETS_IN:
        answer = await bird.ssh(name, "hello")
        assert answer.out == "in\n", (name, answer)
    at_once = asyncio.Semaphore(4)

    async def in_vain(name: str) -> None:
        async with at_once:
            answer = await bird.ssh(name, "hello")
            assert (answer.status, answer.out) == (255, ""), name
            assert answer.err.startswith(f"hoop: {name} can not be reached") or "CHANGED" in answer.err, name
            if not name.startswith(("vault-", "aws-")):
                assert (await bird.ssh(name, options=("-tt",), typed=b"x\n")).status == 255

    async def in_other_ways(name: str) -> None:
        async with at_once:
            fetched = f"{bird.served.directory}/{name}"
            typed = f"ls /\nget /etc/hostname {fetched}\n".encode()
            await bird.other("sftp", f"{name}@127.0.0.1", typed=typed)
            await bird.other("scp", "-O", f"{name}@127.0.0.1:/etc/hostname", fetched)
            await bird.ssh(name, options=("-W", "127.0.0.1:1"))
            await bird.ssh(name, "true", options=("-oExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"))

    await asyncio.gather(*map(in_vain, TARGETS[len(LETS_IN) :]))
    await asyncio.gather(*map(in_other_ways, ("web-1", "refuses", "hangs-up", "in-vault", "aws-refused")))
    await bird.ssh("nobody%web-1", "id")
    await bird.ssh("nowhere", "id")


async def ask_the_api(bird: Bird) -> None:
    """Every answer about every session; and what the commands of the gateway print."""
    token = await bird.served.gateway(
        *("token", "create", "--config", str(bird.served.config), "--person", "alice@example.com")
    )
    headers = {"Authorization": f"Bearer {token.out.strip()}"}
    url = f"http://127.0.0.1:{bird.served.ports['api']}"
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http:

        async def get(path: str, **params: str) -> Any:
            answer = await http.get(path, params=params)
            bird.heard.append(answer.content)
            bird.heard.append(json.dumps(dict(answer.headers)).encode())
            return answer

        listed = (await get("/v1/sessions", state="all", limit="200")).json()["sessions"]
        assert len(listed) > 20
        for session in listed:
            for what in ("", "/recording", "/frames", "/export"):
                await get(
                    f"/v1/sessions/{session['id']}{what}", **({"as": "cast2"} if what == "/export" else {})
                )
        for path in ("/v1/me", "/openapi.json", "/v1/sessions/s-00000000", "/v1/nothing"):
            await get(path)
    for words in (("config", "check"), ("config", "show"), ("config", "show", "--origin"), ("target", "ls")):
        assert (await bird.gateway(*words)).out or words == ("config", "check")
    await bird.gateway("target", "trust", "lets-in", "--yes")


def authority_keys(bird: Bird) -> list[Path]:
    """The files of the gateway's own authorities. Nowhere else may be what is in them."""
    return sorted(bird.served.directory.glob("data/ca/*/*.key"))


def everything(bird: Bird) -> Iterator[tuple[str, bytes]]:
    """What was heard, the log, and every file that is not a credential itself, recordings also unpacked."""
    for number, piece in enumerate(bird.heard):
        yield f"heard {number}", piece
    for number, piece in enumerate(bird.seen):
        yield f"process {number}", piece
    yield "the log", "".join(bird.served.log).encode()
    directory = bird.served.directory
    yield "the configuration", bird.served.config.read_bytes()
    for path in sorted(directory.glob("data/**/*")):
        if path.is_file() and path not in authority_keys(bird):
            yield str(path.relative_to(directory)), path.read_bytes()
        if path.suffix == ".hrec":
            recording = Recording(path)
            frames = b"\n".join(frame.data for frame in recording.frames)
            yield f"{path.name}, unpacked", frames + json.dumps(dict(recording.meta), default=str).encode()


async def test_credentials_of_targets_stay_inside(bird: Bird) -> None:
    served = bird.served
    await served.start()
    for path in authority_keys(bird):
        bird.canaries[f"authority {path.parent.name}"] = secret_of(asyncssh.read_private_key(path))
    assert len(authority_keys(bird)) >= 3
    looking = asyncio.create_task(bird.look_at_processes())
    await use_it(bird)
    for number, token in enumerate(bird.vault.tokens):
        bird.canaries[f"token {number} of the vault"] = token.encode()
    assert bird.vault.count("auth/approle/login") == 1
    assert served.process is not None
    served.process.send_signal(signal.SIGHUP)
    await served.says("configuration reloaded")
    await ask_the_api(bird)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    log = list(served.log)
    sleeping = await asyncio.create_subprocess_exec(
        *served.ssh("web-1@127.0.0.1", "echo begun; sleep 60"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert sleeping.stdout is not None
    await sleeping.stdout.readline()
    await served.stop(signal.SIGKILL)
    bird.heard += list(await sleeping.communicate())
    await served.start()
    assert (await bird.ssh("web-1", "echo again")).out == "again\n"
    assert await served.stop() == 0
    assert any(b"/in-command.secret" in piece for piece in bird.seen), "no command was seen"
    assert any(b"\0AWS_CONFIG_FILE=" in piece for piece in bird.seen), "nobody's variables were seen"
    served.log = log + served.log
    searched = 0
    for where, data in everything(bird):
        searched += 1
        for name, secret in bird.canaries.items():
            for form in forms(secret):
                assert form not in data, f"{name} in {where}: {data[max(0, data.find(form) - 200) :][:400]!r}"
    assert searched > 150


def test_the_search_finds_what_it_looks_for() -> None:
    """A canary in any of its forms would have been seen."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    seed = seed_of(key)
    private = b"".join(key.export_private_key().splitlines()[1:-1])
    assert any(form in private for form in forms(seed))
    for secret in (seed, b"canary-Pa55"):
        for around in (b"", b"x", b"xy", b"xyz"):
            text = around + secret + around
            for seen in (text, text.hex().encode(), base64.b64encode(text), base64.urlsafe_b64encode(text)):
                assert any(form in seen for form in forms(secret)), seen
