"""Asks the gateway about signing in, one question at a time, with the standard library alone: it starts fast.

Redirects are not followed, so that a token goes to one host only; an answer has a largest size and a longest time.
The app's own questions go through `hoop_tui.client`.
"""

import http.client
import json
import platform
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from hoop_tui.address import is_loopback, private_url
from hoop_tui.errors import Garbled, Unreachable
from hoop_tui.login.answers import Reply
from hoop_tui.sign_in import Token

_SILENCE_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_LARGEST = 1 << 20
_PIECE = 1 << 16


class Door:
    """One gateway's. Raises ValueError for an address that secrets must not be sent to."""

    def __init__(self, url: str) -> None:
        self.url = private_url(url)
        self._opener: urllib.request.OpenerDirector | None = None

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, token: Token | None = None
    ) -> Reply:
        """The answer, whatever its status. Raises `Unreachable` and `Garbled`."""
        request = urllib.request.Request(  # noqa: S310  # private_url lets http and https pass only
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"User-Agent": "hoop-tui", "Accept": "application/json"},
            method=method,
        )
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {token.expose()}")
        where = urlsplit(self.url).netloc
        try:
            return self._exchange(request)
        except TimeoutError as problem:
            raise Unreachable(f"The gateway at {where} did not answer in time.") from problem
        except urllib.error.URLError as problem:
            raise Unreachable(_reason(where, problem.reason)) from problem
        except (OSError, http.client.HTTPException) as problem:
            raise Unreachable(f"The line to the gateway at {where} broke.") from problem

    def _exchange(self, request: urllib.request.Request) -> Reply:
        opener = self._opener = self._opener or _opener(self.url)
        deadline = time.monotonic() + _ANSWER_SECONDS
        with opener.open(request, timeout=_SILENCE_SECONDS) as response:
            pieces: list[bytes] = []
            size = 0
            while piece := response.read1(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST:
                    raise Garbled("The gateway's answer is far too long; is it one?")
                if time.monotonic() > deadline:
                    raise TimeoutError
            if response.length:  # as many bytes as were announced never came
                raise http.client.IncompleteRead(b"")
            return Reply(response.status, b"".join(pieces))


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Of its parts, nothing reads files, follows redirects or answers for a password."""
    opener = urllib.request.OpenerDirector()
    if not is_loopback(urlsplit(url).hostname or ""):
        opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(urllib.request.HTTPHandler())
    if url.startswith("https:"):
        opener.add_handler(urllib.request.HTTPSHandler(context=_trusted()))
    return opener


def _trusted() -> ssl.SSLContext:
    """The certificates that this computer trusts."""
    if platform.system() in ("Darwin", "Windows"):
        import httpx2

        # The system's own store is not where the standard library looks.
        return httpx2.create_ssl_context()
    return ssl.create_default_context()


def _reason(where: str, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"The certificate of the gateway at {where} is not trusted here: {reason.verify_message}."
    if isinstance(reason, ssl.SSLError):
        return f"The gateway at {where} does not speak TLS as it should."
    if isinstance(reason, TimeoutError):
        return f"The gateway at {where} did not answer in time."
    return f"There is no gateway at {where}, or it can not be reached from here."
