"""Keycloak, from its distribution: an unpacked copy of its own for each run, with its database in memory."""

import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from gateway.identity.oidc.journey import DeviceJourney
from tests.idp.browser import Browser
from tests.idp.sites import CALLBACK, CLIENT, PASSWORD, PEOPLE, SECRET, free_port, start_until, stop

REALM = "hoop"
ADMIN = "staff"


def _person(name: str) -> dict[str, Any]:
    verified, groups = PEOPLE[name]
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.com",
        "emailVerified": verified,
        "firstName": name,
        "lastName": name,
        "credentials": [{"type": "password", "value": PASSWORD}],
        "groups": [f"/{group}" for group in groups],
    }


def _realm() -> dict[str, Any]:
    groups = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
    }
    client = {
        "clientId": CLIENT,
        "secret": SECRET,
        "redirectUris": [CALLBACK],
        # Told to insist on PKCE, it would in its device flow as well, which has none (RFC 8628).
        "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
        "protocolMappers": [groups],
    }
    return {
        "realm": REALM,
        "enabled": True,
        "sslRequired": "none",
        "revokeRefreshToken": True,
        "clients": [client],
        "groups": [
            {"name": group} for group in sorted({group for _, all in PEOPLE.values() for group in all})
        ],
        "users": [_person(name) for name in PEOPLE],
    }


class Keycloak:
    """A running one. Its staff's interface is used for what a test changes."""

    name = "keycloak"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    device_client = CLIENT
    says_who_by_code = True

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._process = process
        self.issuer = f"{self._base}/realms/{REALM}"

    async def log_in(self, browser: Browser, person: str) -> None:
        await browser.submit(until=CALLBACK, username=person, password=PASSWORD)

    async def answer_code(
        self, browser: Browser, journey: DeviceJourney, person: str, *, allow: bool
    ) -> None:
        await browser.open(journey.verification_uri_complete)
        await browser.submit(username=person, password=PASSWORD)
        await browser.submit(**({"accept": "Yes"} if allow else {"cancel": "No"}))

    async def rotate(self) -> None:
        kind = "org.keycloak.keys.KeyProvider"
        async with await self._staff() as staff:
            old = (await staff.get(f"/components?type={kind}")).json()
            new = {"name": "new", "providerId": "rsa-generated", "providerType": kind}
            config = {"priority": ["1000"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
            (await staff.post("/components", json={**new, "config": config})).raise_for_status()
            for key in old:
                if key["providerId"] == "rsa-generated":
                    (await staff.delete(f"/components/{key['id']}")).raise_for_status()

    async def disable(self, person: str) -> None:
        async with await self._staff() as staff:
            (found,) = (await staff.get("/users", params={"username": person, "exact": "true"})).json()
            (await staff.put(f"/users/{found['id']}", json={**found, "enabled": False})).raise_for_status()

    def stop(self) -> None:
        stop(self._process)

    async def _staff(self) -> httpx2.AsyncClient:
        fields = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": PASSWORD}
        url = f"{self._base}/realms/master/protocol/openid-connect/token"
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            token = (await client.post(url, data=fields)).raise_for_status().json()["access_token"]
        return httpx2.AsyncClient(
            base_url=f"{self._base}/admin/realms/{REALM}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )


@contextmanager
def running_keycloak(distribution: Path) -> Iterator[Keycloak]:
    """Started from the zip of its distribution."""
    with tempfile.TemporaryDirectory(prefix="hoop-keycloak-") as made:
        with zipfile.ZipFile(distribution) as packed:
            packed.extractall(made)
        (home,) = Path(made).iterdir()
        (home / "data" / "import").mkdir(parents=True)
        (home / "data" / "import" / f"{REALM}-realm.json").write_text(json.dumps(_realm()))
        port = free_port()
        options = ["--db=dev-mem", "--http-host=127.0.0.1", f"--http-port={port}", "--import-realm"]
        env = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}
        command = [shutil.which("bash") or "bash", str(home / "bin" / "kc.sh"), "start-dev", *options]
        process = start_until(command, home, env, "Listening on:")
        keycloak = Keycloak(port, process)
        try:
            yield keycloak
        finally:
            keycloak.stop()
