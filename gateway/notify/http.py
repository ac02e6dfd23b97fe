"""One POST to a receiver, and what it answered. Redirects are not followed, proxies of the environment not used.

The address may be a secret (those of chats are), so none of it gets into a sentence, and what the receiver says is
cut and freed of it.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.notify.receiver import Fetch, NotTaken

MOST: Final = 4096
"""Bytes of an answer. Nobody reads more of it."""
NEVER: Final = frozenset({400, 413, 415, 422})
"""The receiver says that this notice itself is wrong. Everything else may be better later."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

for _library in ("httpx2", "httpcore2"):
    logging.getLogger(_library).setLevel(logging.WARNING)  # a line for each request would hold the address


class Poster:
    """Posts to one address, over connections of its own."""

    def __init__(self, url: Fetch, timeout: float, ca_file: Path | None = None) -> None:
        self._url = url
        self._timeout = timeout
        self._ca_file = ca_file
        self._client: httpx2.AsyncClient | None = None

    async def post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """What the receiver said to it. Raises `NotTaken`."""
        url = _address(await self._url())
        own = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "hoop"}
        try:
            async with asyncio.timeout(self._timeout):
                status, pause, text = await self._send(url, body, {**own, **headers})
        except (TimeoutError, httpx2.TimeoutException):
            raise NotTaken(f"it gave no answer in {self._timeout:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            raise NotTaken(_unreachable(problem)) from None
        words = _words(text, url)
        if 200 <= status < 300:
            return f"status {status}" + (f": {words}" if words else "")
        raise _refusal(status, pause, words)

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float, bytes]:
        client = self._client = self._client or self._make(url)
        request = client.stream("POST", url, content=body, headers=dict(headers), follow_redirects=False)
        async with request as answer:
            text = bytearray()
            async for piece in answer.aiter_raw():
                text += piece
                if len(text) > MOST:
                    break
            return answer.status_code, _pause(answer.headers.get("retry-after", "")), bytes(text[:MOST])

    def _make(self, url: str) -> httpx2.AsyncClient:
        try:
            is_plain = url.startswith("http://")
            trust = _nobody() if is_plain else ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ValueError):
            raise NotTaken("its ca_file can not be read, or has no certificate in it") from None
        return httpx2.AsyncClient(
            verify=trust,
            trust_env=False,
            timeout=httpx2.Timeout(self._timeout),
            limits=httpx2.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=5),
        )

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _address(found: Secret) -> str:
    """The address, if it is one that notices may go to. It is a secret, so a sentence never has any of it."""
    try:
        url = found.expose().decode("ascii")
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        url, parts, host = "", urlsplit(""), ""
    if not host or not all("!" <= letter <= "~" for letter in url) or parts.username or parts.password:
        raise NotTaken("what url points at is not a web address")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise NotTaken("what url points at must start with https://; http:// is for this machine only")
    return url


def _words(text: bytes, url: str) -> str:
    """What it said, on one line, without any part of the address that could be its secret."""
    words = " ".join(text.decode("utf-8", "replace").split())
    parts = sorted({each for each in re.split(r"[/?&=#]", url) if len(each) >= 6}, key=len, reverse=True)
    for part in parts:
        words = words.replace(part, "***")
    return plain(words, 200)


def _refusal(status: int, pause: float, words: str) -> NotTaken:
    if 300 <= status < 400:
        sentence = f"it points elsewhere (status {status}), which is not followed"
    elif status == 429:
        sentence = "it was sent too much (status 429)"
    else:
        sentence = f"it answered with status {status}"
    return NotTaken(sentence, final=status in NEVER, pause=pause, said=words)


def _pause(said: str) -> float:
    """Seconds of a `Retry-After`, which may be a number or a date."""
    if re.fullmatch(r"[0-9]{1,9}", said):
        return float(said)
    try:
        return (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds() if said else 0.0
    except (ValueError, TypeError):
        return 0.0


def _unreachable(problem: Exception) -> str:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not one we trust; ca_file can name its authority"
        cause = cause.__cause__ or cause.__context__
    if isinstance(problem, httpx2.RemoteProtocolError):
        return "it hung up, or what it answers is not HTTP"
    return "it can not be reached"
