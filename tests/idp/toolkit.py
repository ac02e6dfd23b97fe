"""A site on Django OAuth Toolkit: a provider in Python whose tokens jwcrypto and oauthlib make."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from gateway.identity.oidc.journey import DeviceJourney
from tests.idp.browser import Browser
from tests.idp.sites import CALLBACK, CLIENT, PASSWORD, PEOPLE, SECRET, free_port, start_until, stop

HERE = Path(__file__).resolve().parent


class Toolkit:
    """A running one. It has two pages more than it would, for what a test changes."""

    name = "toolkit"
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    device_client = f"{CLIENT}-device"
    says_who_by_code = False

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self._process = process

    async def log_in(self, browser: Browser, person: str) -> None:
        await browser.submit(until=CALLBACK, username=person, password=PASSWORD)

    async def answer_code(
        self, browser: Browser, journey: DeviceJourney, person: str, *, allow: bool
    ) -> None:
        await browser.open(journey.verification_uri)
        await browser.submit(username=person, password=PASSWORD)
        await browser.submit(user_code=journey.user_code)
        await browser.submit(action="accept" if allow else "deny")

    async def rotate(self) -> None:
        await self._staff("rotate")

    async def disable(self, person: str) -> None:
        await self._staff(f"disable/{person}")

    def stop(self) -> None:
        stop(self._process)

    async def _staff(self, order: str) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            (await client.post(f"{self.issuer}/staff/{order}")).raise_for_status()


@contextmanager
def running_toolkit(python: Path) -> Iterator[Toolkit]:
    """Started by a Python that has the toolkit."""
    with tempfile.TemporaryDirectory(prefix="hoop-toolkit-") as made:
        port = free_port()
        settings = {
            "port": port,
            "database": str(Path(made, "db.sqlite3")),
            "people": PEOPLE,
            "password": PASSWORD,
            "client": CLIENT,
            "device_client": Toolkit.device_client,
            "secret": SECRET,
            "callback": CALLBACK,
        }
        command = [str(python), "-B", str(HERE / "toolkit_server.py"), json.dumps(settings)]
        toolkit = Toolkit(port, start_until(command, Path(made), {}, "Listening on:"))
        try:
            yield toolkit
        finally:
            toolkit.stop()
