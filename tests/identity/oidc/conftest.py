"""One sign-in at a provider that does as it is told, at a time that stands still."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.core.secret import Secret
from gateway.identity.oidc.algorithms import ALGORITHMS
from gateway.identity.oidc.claims import Vouched
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.journey import Journey
from gateway.identity.oidc.provider import Provider
from tests.identity.oidc import mint
from tests.identity.oidc.certificates import Certificates, issue
from tests.identity.oidc.stub import StubProvider, stub_provider
from tests.identity.register import MovedClock

CALLBACK = "http://127.0.0.1:8022/login/callback"
SECRET = "canary-client-secret"
SUBJECT = "248289761001"


async def client_secret() -> Secret:
    return Secret(SECRET)


@dataclass
class Scene:
    """A stub provider, our view of it, and what a good token would say now."""

    stub: StubProvider
    certificates: Certificates
    clock: MovedClock = field(default_factory=MovedClock)
    settings: dict[str, Any] = field(default_factory=dict)
    _provider: Provider | None = None

    @property
    def issuer(self) -> Issuer:
        usual: dict[str, Any] = {
            "client_id": "hoop",
            "client_secret": client_secret,
            "algorithms": tuple(ALGORITHMS),
            "ca_file": self.certificates.ca_file,
        }
        return Issuer("corp", self.stub.url, **{**usual, **self.settings})

    @property
    def provider(self) -> Provider:
        if self._provider is None:
            self._provider = Provider(self.issuer, self.clock, seconds=2)
        return self._provider

    def claims(self, nonce: str | None = None, /, **changed: Any) -> dict[str, Any]:
        """Good ones; those changed to None are left out."""
        now = int(self.clock.now().timestamp())
        good = {
            "iss": self.stub.url,
            "sub": SUBJECT,
            "aud": "hoop",
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            "email": "alice@example.com",
            "email_verified": True,
            "groups": ["sre", "Dev Ops"],
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    async def begun(self) -> Journey:
        return await self.provider.begin(CALLBACK)

    async def back(self, journey: Journey, **query: str) -> Vouched:
        """The browser comes back with a code."""
        return await self.provider.finish(journey, {"code": "c0de", "state": journey.state, **query})

    async def sign_in(self, token: str, **more: Any) -> Vouched:
        """As if the provider had sent `token` for this sign-in, whatever nonce is in it."""
        journey = await self.begun()
        self.stub.gives(token, **more)
        return await self.back(journey)

    async def vouched(self, **changed: Any) -> Vouched:
        """A sign-in where only the claims are changed; the token is signed as it should be."""
        journey = await self.begun()
        self.stub.gives(mint.token(self.claims(journey.nonce, **changed)), access_token="acc355")
        return await self.back(journey)


def asked_for(journey: Journey) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(journey.url).query).items()}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def scene(certificates: Certificates) -> AsyncIterator[Scene]:
    async with stub_provider() as stub:
        scene = Scene(stub, certificates)
        yield scene
        if scene._provider is not None:
            await scene._provider.aclose()
