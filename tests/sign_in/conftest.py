"""A gateway in its own process, a real sshd behind it, and an identity provider with three people."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from gateway.app.demo_provider import DemoProvider
from tests.e2e.served import Served
from tests.sign_in.visitor import Visitor
from tests.ssh.sshd import Sshd

SECRET = "a secret of the client"

MORE = """
[login]
device_roles = ["person", "auditor"]
{login}

[[issuer]]
name = "demo"
title = "Demo provider"
url = "{url}"
client_id = "hoop"
client_secret = {{ file = "client_secret" }}
scopes = ["openid", "profile", "email", "groups", "offline_access"]
algorithms = ["ES256"]

[roles]
auditor = ["sec"]
operator = ["sec"]
"""


@dataclass
class Town:
    """All of it, and a browser."""

    served: Served
    provider: DemoProvider
    visitor: Visitor
    since: int = 0
    """The number of the ledger's last entry from before a test."""

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.served.ports['api']}"

    def more(self, login: str = "") -> str:
        return MORE.format(url=self.provider.url, login=login)

    def configure(self, login: str = "", more: str = "") -> None:
        """Write the configuration. Its one person is Dora, so that Alice is somebody of the provider's."""
        self.served.write(more=self.more(login) + more)
        text = self.served.config.read_text()
        text = text.replace("alice@example.com", "dora@example.com")
        text = text.replace('roles = ["person", "auditor"]', 'roles = ["person", "operator"]', 1)
        self.served.config.write_text(text)

    async def call(self, method: str, path: str, token: str = "", **json: object) -> httpx2.Response:
        """One call of the API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(timeout=30) as client:
            body = json or None
            return await client.request(method, f"{self.api}/v1{path}", headers=headers, json=body)

    async def token_of(self, who: str) -> str:
        """A login token, by the device flow."""
        asked = (await self.call("POST", "/login/device", client="tests", host="here")).json()
        said = await self.visitor.sign_in(asked["verification_uri_complete"], who)
        assert "signed in" in said, said
        given = await self.call("POST", "/login/token", grant="device", device_code=asked["device_code"])
        assert given.status_code == 200, given.text
        return str(given.json()["token"])


@asynccontextmanager
async def a_town(
    directory: Path, configure: Callable[[Town], None] = Town.configure, *, forked: bool = True
) -> AsyncIterator[Town]:
    """Begun, and ended again."""
    sshd = Sshd(directory / "sshd")
    provider = DemoProvider(SECRET)
    served = Served(directory, sshd, forked=forked)
    town = Town(served, provider, Visitor())
    async with AsyncExitStack() as ending:
        ending.push_async_callback(sshd.stop)
        await sshd.start()
        await provider.start()
        ending.push_async_callback(provider.stop)
        secret = directory / "client_secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        configure(town)
        await served.start()
        ending.push_async_callback(served.stop)
        ending.push_async_callback(town.visitor.close)
        yield town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with a_town(tmp_path) as town:
        yield town
