"""Toward the target: dial it, check that it is the machine we pinned, sign in, start what was admitted.

One SSH connection per session. Nothing of the gateway's own account is used: no ssh_config, agent, default key or
known_hosts. Every way to fail is one sentence that tells the person nothing about credentials.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate

from gateway.adapters.ssh.asked import Asked, Terminal
from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.door.settings import (
    CIPHERS_FOR_TARGETS,
    KEX_FOR_TARGETS,
    MACS,
    SIGNATURES,
    VERSION_FOR_TARGETS,
    SshDoor,
    available_ciphers,
    available_kex,
)
from gateway.adapters.ssh.forward.incoming import Incoming, ReceivingConnection
from gateway.adapters.ssh.jump.hops import jump_host, through
from gateway.adapters.ssh.target.channel import TargetChannel, TargetSide
from gateway.adapters.ssh.target.credential import (
    Credential,
    Errand,
    TargetSigner,
    fetch_credential,
    forget_credential,
)
from gateway.adapters.ssh.target.host_trust import HostTrust, host_trust
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.core.plain import plain
from gateway.core.ports import KeySigner, Secrets

log = logging.getLogger("hoop.ssh")

PORTS = frozenset({"port-forwarding"})
"""What whoever only wants to get further needs of a target, and whoever forwards."""


@dataclass(frozen=True, slots=True)
class Dialler:
    """Opens the way to a target with the gateway's credentials."""

    door: SshDoor
    secrets: Secrets
    find: Callable[[str], Target | None] = lambda name: None
    """The inventory, for targets that are reached `via` another."""
    signer: TargetSigner | None = None
    """For targets that let in whom the gateway's own authority has signed for."""
    key_signer: KeySigner | None = None
    """For those that let in whom somebody else's has."""

    @asynccontextmanager
    async def start(
        self,
        target: Target,
        account: str,
        who: str,
        asked: Asked,
        terminal: Terminal | None,
        incoming: Incoming | None = None,
    ) -> AsyncIterator[TargetSide]:
        """Run what was asked on the target, as `account`, until the block is left. Raises `Unreachable`. `incoming`
        takes channels that the target opens."""
        needs = [("pty", terminal is not None), ("agent-forwarding", asked.agent)]
        permits = frozenset(name for name, needed in needs if needed)
        async with self.reach(target, account, who, permits) as reached:
            reached.connection.incoming = incoming
            yield await reached.begin(asked, terminal)

    @asynccontextmanager
    async def reach(
        self,
        target: Target,
        account: str,
        who: str,
        permits: frozenset[str] = frozenset(),
        behind: tuple[str, ...] = (),
    ) -> AsyncIterator["Reached"]:
        """Sign in on the target as `account`; what runs there ends with the block. Raises `Unreachable`. `who` and
        `permits` are those of an `Errand`; `behind` are the targets that are reached through this one."""
        trust = await asyncio.to_thread(host_trust, target)
        errand = Errand(account, who, permits)
        credential = await fetch_credential(target, self.secrets, errand, self.signer, self.key_signer)
        async with AsyncExitStack() as hops:
            hop = await self._enter_hop(hops, target, who, behind)
            connection = await self._connect(target, account, trust, credential, hop)
            try:
                yield Reached(connection, target, self.door.login_grace)
            finally:
                connection.abort()
                await connection.wait_closed()

    async def _enter_hop(
        self, hops: AsyncExitStack, target: Target, who: str, behind: tuple[str, ...]
    ) -> "Reached | None":
        """Sign in on the target's jump host, if it has one."""
        hop = jump_host(target, behind, self.find)
        if hop is None:
            return None
        try:
            way = self.reach(hop, hop.user, who, PORTS, (*behind, target.name))
            return await hops.enter_async_context(way)
        except Unreachable as problem:
            raise Unreachable(f"{target.name} is reached through {hop.name}: {problem.sentence}") from problem

    async def _connect(
        self, target: Target, account: str, trust: HostTrust, credential: Credential, hop: "Reached | None"
    ) -> ReceivingConnection:
        loop = asyncio.get_running_loop()
        watcher = _HostKeyWatcher(trust)
        options = self._options(target, account, trust, credential, watcher)
        options.waiter = loop.create_future()
        try:
            async with asyncio.timeout(self.door.connect_timeout):
                if hop is not None:
                    connection = await through(hop.connection, target, options)
                else:
                    _, connection = await loop.create_connection(
                        lambda: ReceivingConnection(loop, options, wait="auth"), target.host, target.port
                    )
        except (OSError, TimeoutError, asyncssh.Error) as problem:
            options.waiter.cancel()
            log.info("%s can not be reached: %s", target.name, _said(hop.target if hop else target, problem))
            where = f"{hop.target.name} could not connect to it" if hop else _network_reason(problem)
            raise Unreachable(f"{target.name} can not be reached - {where}") from problem
        try:
            async with asyncio.timeout(self.door.login_grace):
                await options.waiter
        except (asyncssh.Error, OSError, TimeoutError) as problem:
            await _drop(connection)
            if isinstance(problem, asyncssh.DisconnectError):
                forget_credential(target, self.secrets)
            raise _refused(target, problem, watcher) from problem
        except BaseException:
            await _drop(connection)
            raise
        return connection

    def _options(
        self,
        target: Target,
        account: str,
        trust: HostTrust,
        credential: Credential,
        watcher: "_HostKeyWatcher",
    ) -> asyncssh.SSHClientConnectionOptions:
        return asyncssh.SSHClientConnectionOptions(
            config=None,
            client_factory=lambda: watcher,
            client_version=VERSION_FOR_TARGETS,
            host=target.host,
            port=target.port,
            username=account,
            password=credential.password,
            client_keys=list(credential.keys) or None,
            agent_path=None,
            agent_forwarding=False,
            known_hosts=([], [], []),
            server_host_key_algs=trust.algorithms,
            x509_trusted_certs=[],
            x509_trusted_cert_paths=[],
            gss_host=None,
            preferred_auth=credential.methods,
            kex_algs=available_kex(KEX_FOR_TARGETS),
            encryption_algs=available_ciphers(CIPHERS_FOR_TARGETS),
            mac_algs=list(MACS),
            signature_algs=list(SIGNATURES),
            compression_algs=None,
            login_timeout=0,
            keepalive_interval=self.door.keepalive,
            keepalive_count_max=3,
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """A target that has let us in. One connection carries several channels."""

    connection: ReceivingConnection
    target: Target
    grace: float

    async def begin(self, asked: Asked, terminal: Terminal | None) -> TargetSide:
        """Run what was asked. Raises `Unreachable`."""
        side = TargetSide(self.connection)
        try:
            async with asyncio.timeout(self.grace):
                await TargetChannel(self.connection).begin(side, asked, terminal)
        except asyncssh.ChannelOpenError as problem:
            log.info("%s did not start a session: %s", self.target.name, _said(self.target, problem))
            raise Unreachable(f"{self.target.name} did not start the session - nothing was run") from problem
        except (asyncssh.Error, OSError, TimeoutError) as problem:
            log.info("%s went away: %s", self.target.name, _said(self.target, problem))
            raise Unreachable(f"{self.target.name} went away before anything was run") from problem
        return side


class _HostKeyWatcher(asyncssh.SSHClient):
    """Accepts what is pinned or signed, and remembers why it accepted something else not. Banners are dropped."""

    def __init__(self, trust: HostTrust) -> None:
        self._trust = trust
        self.doubt = ""
        """What is wrong with what the target has shown, with `{name}` for its name."""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        if self._trust.accepts(key):
            return True
        self.doubt = "the host key of {name} has CHANGED"
        if not self._trust.keys:
            self.doubt = "{name} shows no host certificate"
        return False

    def validate_host_certificate(self, host: str, certificate: SSHOpenSSHCertificate) -> bool:
        """As the others; our connection asks it, not asyncssh."""
        problem = self._trust.problem_with(certificate, host)
        if problem:
            self.doubt = f"the host certificate of {{name}} {problem}"
        return not problem


async def _drop(connection: TargetConnection) -> None:
    connection.abort()
    await connection.wait_closed()


def _refused(target: Target, problem: Exception, watcher: _HostKeyWatcher) -> Unreachable:
    log.warning("%s: no session: %s", target.name, _said(target, problem))
    if watcher.doubt:
        doubt = watcher.doubt.format(name=target.name)
        return Unreachable(f"{doubt} - nothing was sent; tell your platform team")
    if isinstance(problem, asyncssh.PermissionDenied):
        return Unreachable(
            f"{target.name} can not be reached - it does not let the gateway in, tell your platform team"
        )
    if isinstance(problem, TimeoutError):
        return Unreachable(f"{target.name} can not be reached - it did not answer in time")
    return Unreachable(f"{target.name} can not be reached - it does not speak SSH as the gateway does")


def _said(target: Target, problem: Exception) -> str:
    """What the log may hold of a failure. Its words may be the target's own, so they are made harmless. Whoever was
    sent a password could send it back in them: of those only the kind of failure is kept."""
    if target.options.get("password"):
        return type(problem).__name__
    return plain(str(problem), 200) or "no answer in time"


def _network_reason(problem: Exception) -> str:
    match problem:
        case TimeoutError():
            return "it did not answer in time"
        case ConnectionRefusedError():
            return "it refused the connection"
        case socket.gaierror():
            return "its address is not known"
        case _:
            return "there is no way to it"
