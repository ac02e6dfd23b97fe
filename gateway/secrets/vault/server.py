"""One question to a Vault or OpenBao server, and its answer: a JSON object, or one sentence about what is wrong.

Nothing that the server says gets into a sentence or a log: whatever it is, it may hold a secret.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.vault.settings import VaultSettings
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere, NotTaken

MOST: Final = 1 << 20
"""Bytes of an answer. A secret is far smaller, and something else than a vault does not fill the memory."""

Answer = Mapping[str, Any]

for _library in ("httpx2", "httpcore2"):
    # A line for each question would tell when who uses what, and at debug level also the headers.
    logging.getLogger(_library).setLevel(logging.WARNING)


class VaultServer:
    """Asks one server, over connections of its own. Environment, proxies and redirects are not followed."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._base = settings.address.rstrip("/")
        self._client: httpx2.AsyncClient | None = None

    async def ask(
        self, method: str, path: str, what: str, *, token: Secret | None = None, body: Answer | None = None
    ) -> Answer:
        """The answer's JSON object, empty where it has none. `what` begins the sentence of each `Fault`."""
        headers = {"X-Vault-Request": "true", "Accept-Encoding": "identity"}
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        if token is not None:
            headers["X-Vault-Token"] = _header(token, what)
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(self._settings.timeout):
                status, text = await self._send(method, path, headers, content, what)
        except (TimeoutError, httpx2.TimeoutException):
            seconds = f"{self._settings.timeout:g} seconds"
            raise NotAnswering(f"{what}: the vault gave no answer in {seconds} - see how it is") from None
        except httpx2.HTTPError as problem:
            raise _unreachable(what, problem) from None
        if status in (200, 204):
            return _object(text, what)
        raise _refusal(status, text, what)

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None, what: str
    ) -> tuple[int, bytes]:
        client = self._client = self._client or _client(self._settings, what)
        request = client.stream(
            method, f"{self._base}/v1/{path}", headers=dict(headers), content=content, follow_redirects=False
        )
        async with request as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Fault(f"{what}: {_NO_VAULT}")
            text = bytearray()
            async for piece in answer.aiter_raw():
                text += piece
                if len(text) > MOST:
                    raise Fault(f"{what}: the answer is longer than {MOST >> 20} MiB - {_CHECK}")
            return answer.status_code, bytes(text)

    async def close(self) -> None:
        """Close the connections. It may be asked again afterwards."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


_CHECK: Final = "check that address in [vault] is that of a Vault or OpenBao server"
_NO_VAULT: Final = f"the answer is not that of a vault - {_CHECK}"


def _client(settings: VaultSettings, what: str) -> httpx2.AsyncClient:
    try:
        # Without TLS there is nobody to trust, and reading the authorities of a whole system takes a while.
        is_plain = settings.address.startswith("http://")
        trust = _nobody() if is_plain else ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ValueError):
        raise Fault(f"{what}: ca_file in [vault] can not be read, or has no certificate in it") from None
    return httpx2.AsyncClient(
        verify=trust,
        trust_env=False,
        timeout=httpx2.Timeout(settings.timeout),
        limits=httpx2.Limits(max_connections=16, max_keepalive_connections=4),
    )


def _nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _header(token: Secret, what: str) -> str:
    try:
        text = token.expose().decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise Fault(f"{what}: what token in [vault] points at is not a token") from None
    return text


def _object(text: bytes, what: str) -> Answer:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Fault(f"{what}: {_NO_VAULT}") from None
    if not isinstance(found, dict):
        raise Fault(f"{what}: {_NO_VAULT}")
    return found


def _unreachable(what: str, problem: Exception) -> Fault:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            # Somebody answered, and it is not the server we know: that is no outage.
            return Fault(f"{what}: the vault's certificate is not one we trust - set ca_file in [vault]")
        cause = cause.__cause__ or cause.__context__
    if isinstance(problem, httpx2.ProtocolError) and not isinstance(problem, httpx2.RemoteProtocolError):
        return Fault(f"{what}: the vault can not be asked - {_CHECK}")
    return NotAnswering(f"{what}: the vault can not be reached - see that it runs, and {_CHECK}")


def _refusal(status: int, text: bytes, what: str) -> Fault:
    """What a status means. 429 and the high ones also say that a server stands by or is overloaded."""
    if status == 503 and _is_sealed(text):
        return Fault(f"{what}: the vault is sealed - unseal it")
    if status == 429:
        return NotAnswering(
            f"{what}: the vault is asked too often (status 429) - raise its limit or ask less"
        )
    if status in (412, 472, 473) or status >= 500:
        return NotAnswering(f"{what}: the vault failed (status {status}) - see its own log")
    if 300 <= status < 400:
        elsewhere = f"the vault points elsewhere (status {status}), which is not followed"
        return Fault(f"{what}: {elsewhere} - set address in [vault] to the active server")
    if status in (401, 403):
        policy = "check the policies of the gateway's token or role"
        return NotAllowed(f"{what}: the vault does not allow it (status {status}) - {policy}")
    if status == 404:
        return NothingThere(f"{what}: the vault has nothing there (status 404) - check the path")
    return NotTaken(
        f"{what}: the vault does not take this question (status {status}) - check the path and its role"
    )


def _is_sealed(text: bytes) -> bool:
    try:
        errors = _object(text, "").get("errors")
    except Fault:
        return False
    return isinstance(errors, list) and any(isinstance(e, str) and "sealed" in e.lower() for e in errors)
