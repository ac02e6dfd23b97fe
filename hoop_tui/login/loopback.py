"""The listener on 127.0.0.1 that a browser comes back to: it takes one good answer, and leaves the rest alone.

Anything may knock while it is open: other pages of the browser, other programs of this computer. Only a GET of its
one path with the secret `state` counts. It does not judge the code that it is brought.
"""

import asyncio
import hmac
from types import TracebackType
from typing import Final
from urllib.parse import parse_qs, urlsplit

from hoop_tui.address import same_address
from hoop_tui.errors import Garbled, NotSignedIn, ServerSaid

PATH: Final = "/done"
_LARGEST_REQUEST = 8192
_REQUEST_SECONDS = 5.0
_MOST_AT_ONCE = 16
_FORBIDDEN = 403
_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hoop</title></head>
<body><p>{words}</p></body></html>
"""
_DONE = "You are signed in - you can close this tab."
_FAILED = "You are not signed in. The terminal says why; you can close this tab."
_NOTHING = "There is nothing here."


class Loopback:
    """Open while it is entered. `answer` waits for the browser; `tell` ends what the browser waits for."""

    def __init__(self, state: str, issuer: str) -> None:
        self._state, self._issuer = state, issuer
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._browser: asyncio.StreamWriter | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def redirect_uri(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def __aenter__(self) -> "Loopback":
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=_LARGEST_REQUEST, reuse_address=False
        )
        self._server, self.port = server, server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()
        if self._answer.done() and not self._answer.cancelled():
            self._answer.exception()  # nobody may have waited for it

    async def answer(self, seconds: float) -> str:
        """The code that the browser brought. Raises `GatewayTrouble` for a refusal, and when nobody came."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._answer), seconds)
        except TimeoutError as problem:
            raise NotSignedIn("expired: the browser did not come back in time") from problem
        finally:
            if self._server is not None:
                self._server.close()

    async def tell(self, signed_in: bool) -> None:
        """The page that the browser shows at the end."""
        if self._browser is not None:
            await _reply(self._browser, 200 if signed_in else 403, _DONE if signed_in else _FAILED)
            self._browser = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if len(self._open) <= _MOST_AT_ONCE:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_SECONDS)
                await self._take(head, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # whoever it was did not ask anything
        finally:
            if writer is not self._browser:
                self._open.discard(writer)
                writer.close()

    async def _take(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        asked = _asked(head, self.port)
        if asked is None:
            await _reply(writer, 404, _NOTHING)
            return
        state = asked.get("state", "")
        if self._answer.done() or not hmac.compare_digest(state.encode(), self._state.encode()):
            await _reply(writer, 400, _NOTHING)
            return
        self._browser = writer
        if not same_address(asked.get("iss", ""), self._issuer):
            trouble = "refused: the browser came back from another gateway than the one that was asked"
            self._answer.set_exception(Garbled(trouble))
        elif asked.get("code") and "error" not in asked:
            self._answer.set_result(asked["code"])
        else:
            said = asked.get("error_description", "")[:400]
            self._answer.set_exception(ServerSaid(said or "denied: the sign-in was declined", _FORBIDDEN))


def _asked(head: bytes, port: int) -> dict[str, str] | None:
    """The parameters of a good request: a GET of our path at our address, each named once."""
    try:
        lines = head.decode("ascii").split("\r\n")
        method, target, version = lines[0].split(" ")
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True, max_num_fields=12)
    except ValueError:
        return None
    hosts = [line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")]
    # A page of another site can make a browser ask us under that site's name.
    if hosts != [f"127.0.0.1:{port}"] or method != "GET" or not version.startswith("HTTP/1."):
        return None
    if (
        parts.path != PATH
        or parts.scheme
        or parts.netloc
        or any(len(values) > 1 for values in query.values())
    ):
        return None
    return {name: values[0] for name, values in query.items()}


async def _reply(writer: asyncio.StreamWriter, status: int, words: str) -> None:
    reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}[status]
    page = _PAGE.format(words=words).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(page)}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    try:
        writer.write(head.encode() + page)
        await asyncio.wait_for(writer.drain(), _REQUEST_SECONDS)
    except (OSError, TimeoutError):
        pass  # the browser has gone; the terminal says what came of it
    finally:
        writer.close()
