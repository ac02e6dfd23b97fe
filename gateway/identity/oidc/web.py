"""Asking a provider over HTTP: bounded in size and time, never following a redirect, nobody's proxy.

One transport per provider. It reads the whole answer itself, so that whoever uses it (our own requests, and the
OAuth client's) gets the same bounds. It judges no content.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from gateway.core.errors import Fault
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.strict_json import read_object

LIMIT: Final = 256 << 10
SECONDS: Final = 5.0


class Trouble(Exception):
    """What a provider did instead of answering, as the end of a sentence. Holds nothing that it sent."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Whole answers of at most `LIMIT` bytes within `seconds`; everything else is `Trouble`."""

    def __init__(self, ca_file: Path | None, seconds: float = SECONDS) -> None:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        # Requests are few, and a connection that was kept may be gone by the time it is wanted again.
        limits = httpx2.Limits(max_connections=8, max_keepalive_connections=0)
        self._inner = httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        self._seconds = seconds

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask, read everything, and hand it on without cookies."""
        # What is packed could unpack to anything.
        request.headers["Accept-Encoding"] = "identity"
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._inner.handle_async_request(request)
                try:
                    body = await _read(answer)
                finally:
                    await answer.aclose()
        except (TimeoutError, httpx2.TimeoutException):
            raise Trouble(f"did not answer within {self._seconds:g} seconds") from None
        except httpx2.ConnectError as error:
            raise Trouble(_why_not_connected(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            raise Trouble("broke the connection off, or does not speak HTTP") from None
        kind = answer.headers.get("content-type", "")
        return httpx2.Response(
            answer.status_code, headers={"Content-Type": kind}, content=body, request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


async def _read(answer: httpx2.Response) -> bytes:
    if 300 <= answer.status_code < 400:
        raise Trouble("answered with a redirect, which is not followed")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise Trouble("answered in a packed form that was not asked for")
    body = bytearray()
    assert isinstance(answer.stream, httpx2.AsyncByteStream)
    async for part in answer.stream:
        body += part
        if len(body) > LIMIT:
            raise Trouble(f"answered with more than {LIMIT >> 10} KiB")
    return bytes(body)


def _why_not_connected(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "showed a certificate that is not trusted"
        if isinstance(cause, ssl.SSLError):
            return "could not agree on an encrypted connection"
        cause = cause.__cause__ or cause.__context__
    return "can not be reached"


class Web:
    """Requests to one provider. Faults name it as the configuration does."""

    def __init__(self, issuer: Issuer, seconds: float = SECONDS) -> None:
        self._issuer = issuer
        self._seconds = seconds
        self._transport: BoundedTransport | None = None
        self._client: httpx2.AsyncClient | None = None

    @property
    def transport(self) -> BoundedTransport:
        """Made at first use, because reading the system's certificates takes a while."""
        if self._transport is None:
            try:
                self._transport = BoundedTransport(self._issuer.ca_file, self._seconds)
            except OSError:
                raise Fault(f"the ca_file of {self._issuer.shown} can not be read") from None
        return self._transport

    async def get_object(
        self, url: str, what: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object at `url`. Raises `Fault`."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self.transport, trust_env=False, follow_redirects=False
            )
        try:
            answer = await self._client.get(url, headers={"Accept": "application/json", **(headers or {})})
        except Trouble as trouble:
            raise self.fault(trouble) from None
        if answer.status_code != 200:
            raise Fault(
                f"{self._issuer.shown} answered with status {answer.status_code} when asked for {what}"
            )
        try:
            return read_object(answer.content)
        except ValueError:
            raise Fault(f"{self._issuer.shown} sent {what} that can not be read") from None

    def fault(self, trouble: Trouble) -> Fault:
        """The sentence about it."""
        return Fault(f"{self._issuer.shown} {trouble.words}")

    async def aclose(self) -> None:
        """Close every connection; a later request opens new ones."""
        transport, self._transport, self._client = self._transport, None, None
        if transport is not None:
            await transport.aclose()
