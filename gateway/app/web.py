"""Runs an ASGI app in our own event loop: uvicorn without its signal handlers, on a socket that we opened.

The socket is opened first, so that a busy port is one plain sentence before anything else has started.
"""

import asyncio
import contextlib
import socket
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from gateway.app.settings import TlsTable
from gateway.core.errors import Misconfigured

if TYPE_CHECKING:
    import uvicorn


def listen(host: str, port: int, what: str) -> socket.socket:
    """A listening socket. Raises `Misconfigured` in words where it can not be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or answers in pieces wait
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(256)
    except OSError as problem:
        door.close()
        reason = (problem.strerror or str(problem)).lower()
        raise Misconfigured(f"can not listen on {host}:{port} for {what}: {reason}") from problem
    return door


class WebDoor:
    """One HTTP listener."""

    def __init__(
        self, app: Any, door: socket.socket, tls: TlsTable | None = None, proxies: Sequence[str] = ()
    ) -> None:
        """What `proxies` say of whom they speak for is believed; nobody else's word."""
        self._app = app
        self._proxies = list(proxies)
        self._door = door
        self._tls = tls
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Serve until stopped; returns the port."""
        import uvicorn

        class Quiet(uvicorn.Server):
            @contextlib.contextmanager
            def capture_signals(self) -> Generator[None, None, None]:
                yield  # signals are the house's business

        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            proxy_headers=bool(self._proxies),
            forwarded_allow_ips=self._proxies,
            timeout_graceful_shutdown=1,
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
        )
        self._server = Quiet(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._door]), name="web")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise Misconfigured("the API could not start")
            await asyncio.sleep(0.005)
        return int(self._door.getsockname()[1])

    async def stop(self) -> None:
        """Finish what is being answered, then close."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task])
        self._door.close()
