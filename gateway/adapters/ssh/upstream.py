"""Toward the target: dial it, check that it is the machine we pinned, sign in, start what was admitted.

One SSH connection per session. Nothing of the gateway's own account is used: no ssh_config, agent, default key or
known_hosts. Every way to fail is one sentence that tells the person nothing about credentials.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncssh

from gateway.adapters.ssh.asked import Asked, Terminal
from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.credential import Credential, fetch_credential
from gateway.adapters.ssh.door import (
    CIPHERS_FOR_TARGETS,
    KEX_FOR_TARGETS,
    MACS,
    SIGNATURES,
    VERSION_FOR_TARGETS,
    SshDoor,
    available_ciphers,
    available_kex,
)
from gateway.adapters.ssh.host_trust import HostTrust, host_trust
from gateway.adapters.ssh.target import TargetChannel, TargetSide
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.core.ports import Secrets

log = logging.getLogger("hoop.ssh")


@dataclass(frozen=True, slots=True)
class Dialler:
    """Opens the way to a target with the gateway's credentials."""

    door: SshDoor
    secrets: Secrets

    @asynccontextmanager
    async def start(
        self, target: Target, account: str, asked: Asked, terminal: Terminal | None
    ) -> AsyncIterator[TargetSide]:
        """Run what was asked on the target, as `account`, until the block is left. Raises `Unreachable`."""
        trust = await asyncio.to_thread(host_trust, target)
        credential = await fetch_credential(target, self.secrets)
        connection = await self._connect(target, account, trust, credential)
        try:
            yield await self._begin(connection, target, asked, terminal)
        finally:
            connection.abort()
            await connection.wait_closed()

    async def _connect(
        self, target: Target, account: str, trust: HostTrust, credential: Credential
    ) -> TargetConnection:
        loop = asyncio.get_running_loop()
        watcher = _HostKeyWatcher(trust)
        options = self._options(target, account, trust, credential, watcher)
        options.waiter = loop.create_future()
        try:
            async with asyncio.timeout(self.door.connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: TargetConnection(loop, options, wait="auth"), target.host, target.port
                )
        except (OSError, TimeoutError) as problem:
            options.waiter.cancel()
            log.info("%s can not be reached: %s", target.name, str(problem) or "no answer in time")
            raise Unreachable(f"{target.name} can not be reached - {_network_reason(problem)}") from problem
        try:
            async with asyncio.timeout(self.door.login_grace):
                await options.waiter
        except (asyncssh.Error, OSError, TimeoutError) as problem:
            await _drop(connection)
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
            client_keys=[credential.key] if credential.key else None,
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

    async def _begin(
        self, connection: TargetConnection, target: Target, asked: Asked, terminal: Terminal | None
    ) -> TargetSide:
        side = TargetSide(connection)
        try:
            async with asyncio.timeout(self.door.login_grace):
                await TargetChannel(connection).begin(side, asked, terminal)
        except asyncssh.ChannelOpenError as problem:
            log.info("%s did not start a session: %s", target.name, problem)
            raise Unreachable(f"{target.name} did not start the session - nothing was run") from problem
        except (asyncssh.Error, OSError, TimeoutError) as problem:
            log.info("%s went away: %s", target.name, str(problem) or "no answer in time")
            raise Unreachable(f"{target.name} went away before anything was run") from problem
        return side


class _HostKeyWatcher(asyncssh.SSHClient):
    """Accepts what is pinned, and remembers that something else was shown. Banners of targets are dropped."""

    def __init__(self, trust: HostTrust) -> None:
        self._trust = trust
        self.stranger = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.stranger = not self._trust.accepts(key)
        return not self.stranger


async def _drop(connection: TargetConnection) -> None:
    connection.abort()
    await connection.wait_closed()


def _refused(target: Target, problem: Exception, watcher: _HostKeyWatcher) -> Unreachable:
    log.warning("%s: no session: %s", target.name, str(problem) or "no answer in time")
    if watcher.stranger:
        return Unreachable(
            f"the host key of {target.name} has CHANGED - nothing was sent; tell your platform team"
        )
    if isinstance(problem, asyncssh.PermissionDenied):
        return Unreachable(
            f"{target.name} can not be reached - it does not let the gateway in, tell your platform team"
        )
    if isinstance(problem, TimeoutError):
        return Unreachable(f"{target.name} can not be reached - it did not answer in time")
    return Unreachable(f"{target.name} can not be reached - it does not speak SSH as the gateway does")


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
