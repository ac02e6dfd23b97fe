"""What the providers that scripts/interop-oidc starts have in common, and how one of their processes is kept."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from gateway.identity.oidc.journey import DeviceJourney
from tests.idp.browser import Browser

CALLBACK = "http://127.0.0.1:8022/login/callback"
CLIENT = "hoop"
SECRET = "s+e c%r:et"
PASSWORD = "canary-Passw0rd"
PEOPLE: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    "alice": (True, ("sre", "Dev Ops")),
    "bob": (False, ("sre",)),
    "dora": (True, ("sre",)),
}
"""Name: whether their address is verified, and their groups."""


class Site(Protocol):
    """A running provider with `PEOPLE`, and what its pages want from a browser."""

    name: str
    issuer: str
    scopes: tuple[str, ...]
    device_client: str
    """The client for the device flow: some want one of its own for it."""
    says_who_by_code: bool
    """Whether its device flow gives a sign-in token; without one nobody is signed in."""

    async def log_in(self, browser: Browser, person: str) -> None:
        """From the first page until the browser is sent to `CALLBACK`."""
        ...

    async def answer_code(
        self, browser: Browser, journey: DeviceJourney, person: str, *, allow: bool
    ) -> None:
        """Type the code on the provider's page, sign in, and say yes or no."""
        ...

    async def rotate(self) -> None:
        """A new signing key; the old one is not published any more."""
        ...

    async def disable(self, person: str) -> None:
        """They may not sign in any more."""
        ...

    def stop(self) -> None:
        """Gone when this returns."""
        ...


def free_port() -> int:
    """One that was free a moment ago, for servers that can not choose one themselves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_until(
    command: Sequence[str], directory: Path, env: Mapping[str, str], sign: str
) -> subprocess.Popen[str]:
    """Start it in a process group of its own, and return when it has printed a line with `sign`."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if sign in line:
            return process
    process.wait()
    raise AssertionError(f"{command[0]} ended: {''.join(said[-20:])}")


def stop(process: subprocess.Popen[str]) -> None:
    """End it and everything that it has started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
