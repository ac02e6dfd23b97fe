"""A CI job comes in with the token that its CI system gave it, and reaches the one target that it may."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.app.web import WebDoor, listen
from tests.sign_in.conftest import Town, a_town
from tests.sign_in.test_by_code import entries

pytestmark = [pytest.mark.interop, pytest.mark.needs("sshd")]

CLAIMS = {"sub": "repo:acme/shop", "repository": "acme/shop", "ref": "refs/heads/main", "jti": "job-1"}


class ContinuousIntegration:
    """A CI system: publishes its keys, and signs what its jobs are."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        self._socket = listen("127.0.0.1", 0, "CI")
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [Route("/.well-known/openid-configuration", self._about), Route("/jwks", self._keys)]
        self.door = WebDoor(Starlette(routes=routes), self._socket)

    async def _about(self, request: Request) -> JSONResponse:
        about: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        about |= {"response_types_supported": ["id_token"], "subject_types_supported": ["public"]}
        return JSONResponse(about | {"id_token_signing_alg_values_supported": ["ES256"]})

    async def _keys(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": "hoop", "iat": now, "nbf": now, "exp": now + 300, **CLAIMS, **claims}
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, said, self._key)


@dataclass
class Factory:
    town: Town
    ci: ContinuousIntegration

    async def exchange(self, **claims: Any) -> tuple[int, dict[str, Any]]:
        shown = self.ci.token(**claims)
        given = await self.town.call("POST", "/login/exchange", machine="deploy-bot", subject_token=shown)
        return given.status_code, given.json()

    async def reach(self, target: str, token: str) -> str:
        """What a command prints there, with a certificate for this token."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        public = key.export_public_key().decode().strip()
        given = await self.town.call("POST", "/ssh/certificate", token, public_key=public)
        assert given.status_code == 200, given.text
        certificate = asyncssh.import_certificate(given.json()["certificate"])
        connection = await asyncssh.connect(
            "127.0.0.1",
            self.town.served.ports["ssh"],
            username=target,
            client_keys=[(key, certificate)],
            known_hosts=None,
            config=None,
        )
        async with connection:
            ran = await connection.run("echo here")
        return str(ran.stdout) + str(ran.stderr)


MACHINE = """
{another}
[[rule]]
id = "deployers"
match = {{ group = "deployers" }}
do = "allow"

[[machine]]
name = "deploy-bot"
owner = "dora@example.com"
groups = ["deployers"]
targets = ["web-1"]
issuer = "{url}"
audience = "hoop"
claims = {{ repository = "acme/shop", ref = ["refs/heads/main", "refs/tags/*"] }}
"""


@pytest.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Factory]:
    ci = ContinuousIntegration()
    await ci.door.start()

    def configure(town: Town) -> None:
        town.configure()
        text = town.served.config.read_text()
        another = text[text.index("[[target]]") : text.index("[[rule]]")].replace('"web-1"', '"web-2"')
        town.configure(more=MACHINE.format(another=another, url=ci.url))

    async with a_town(tmp_path, configure) as town:
        yield Factory(town, ci)
    await ci.door.stop()


async def test_a_jobs_token_opens_the_one_target_it_may(factory: Factory) -> None:
    status, given = await factory.exchange()
    assert status == 200, given
    assert given["person"] == "machine:deploy-bot"
    assert (await factory.reach("web-1", given["token"])).startswith("here")
    said = await factory.reach("web-2", given["token"])
    assert 'hoop: there is no target "web-2" for you' in said
    assert "here" not in said.split("hoop:")[0]
    (exchanged,) = await entries(factory.town, "machine.exchanged")
    assert exchanged["owner"] == "dora@example.com"
    assert "acme/shop" in str(exchanged["detail"])
    (opened,) = await entries(factory.town, "session.opened")
    assert (opened["person"], opened["target"]) == ("machine:deploy-bot", "web-1")


async def test_another_jobs_token_opens_nothing(factory: Factory) -> None:
    """tests/identity/test_machines.py has the rest of them."""
    others: list[dict[str, Any]] = [
        {"repository": "acme/shop2"},
        {"repository": None},
        {"ref": "refs/heads/main/x"},
        {"aud": ["hoop", "somebody"]},
        {"exp": 1},
        {"iss": "https://elsewhere.example"},
    ]
    for number, claims in enumerate(others):
        status, said = await factory.exchange(**claims, jti=f"job-{number}")
        assert status == 401, (claims, said)
        assert "acme" not in str(said), "a stranger is not told what would have been right"


async def test_a_token_is_good_once_and_for_little(factory: Factory) -> None:
    shown = factory.ci.token()
    town = factory.town
    given = await town.call("POST", "/login/exchange", machine="deploy-bot", subject_token=shown)
    assert given.status_code == 200, given.text
    again = await town.call("POST", "/login/exchange", machine="deploy-bot", subject_token=shown)
    assert again.status_code == 401
    token = given.json()["token"]
    assert (await town.call("GET", "/me", token)).json()["person"] == "machine:deploy-bot"
    for path in ("/sessions", "/people", "/machines", "/tokens"):
        assert (await town.call("GET", path, token)).status_code == 403, path


async def test_without_its_owner_it_may_nothing(factory: Factory) -> None:
    _, given = await factory.exchange()
    town = factory.town
    ran = await town.served.gateway(
        "person", "lock", "dora@example.com", "--reason", "left", "--config", str(town.served.config)
    )
    assert ran.status == 0, ran.err
    statuses = [200]
    async with asyncio.timeout(20):  # another process has locked her: the gateway looks every second
        while statuses[-1] != 401:
            await asyncio.sleep(0.2)
            statuses.append((await factory.exchange(jti=f"job-{1 + len(statuses)}"))[0])
    assert set(statuses) == {200, 401}
    assert (await town.call("GET", "/me", given["token"])).status_code == 401
