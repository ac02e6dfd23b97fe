"""A Bus between gateways that keep one ledger in PostgreSQL: LISTEN and NOTIFY, on a connection of its own.

Who is in this process hears at once; the others as soon as the database has told them. It keeps nothing and promises
nothing: a hint that is lost costs whoever waits a few seconds, because they look into the ledger anyway. So nobody
who publishes ever waits for the database, or is told that it is not there.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from hashlib import sha256
from typing import Any

import psycopg

from gateway.bus.inprocess import InProcessBus
from gateway.core.plain import plain
from gateway.core.ports import Hint
from gateway.core.secret import Secret

AT_ONCE = frozenset({"approval"})
"""Somebody's client waits for these."""
STAYS = frozenset({"recording"})
"""Each busy session publishes many of these a second, and recordings are followed at the gateway that has them."""
GATHER = 0.2
"""Seconds that other hints wait for more of their kind: ten about one session are one notification then."""
MOST_WAITING = 1000
"""Hints that wait to be sent. Beyond, the oldest are lost."""
LONGEST = 400
"""Letters of a payload; PostgreSQL takes 7999 bytes."""
PULSE = 10.0
"""Seconds of silence after which the database is asked whether it is there."""
PATIENCE = 5.0
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
"""Seconds between attempts to connect."""

_PAYLOAD = re.compile(r"([0-9a-f]{16}) ([a-z]{1,32}) ([!-~]{1,256})")
_SEND = "SELECT pg_notify(%s, hint) FROM unnest(%s::text[]) AS hint"

log = logging.getLogger("hoop.bus")


class PostgresBus:
    """`start` it where an event loop runs, `stop` it once. Inside the process hints pass before and after, too."""

    def __init__(self, address: Secret, *, patience: float = PATIENCE, pulse: float = PULSE) -> None:
        """`address`: what libpq connects by, as `key=value` or as a URI."""
        self._address = address
        self._patience = patience
        self._pulse = pulse
        self._here = InProcessBus()
        self._me = secrets.token_hex(8)
        self._channel = ""
        self._outbox: dict[Hint, None] = {}
        self._heard: list[str] = []
        self._news = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._cut_off = False
        self.connected = asyncio.Event()
        """Set while hints come and go."""

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._task = asyncio.create_task(self._for_ever(), name="bus between gateways")

    async def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._soon is not None:
            self._soon.cancel()

    async def publish(self, hint: Hint) -> None:
        """Hand `hint` to everybody here, and leave it for the others if it concerns them. Never waits."""
        await self._here.publish(hint)
        if hint.topic in STAYS or self._task is None:
            return
        self._outbox[hint] = None
        if len(self._outbox) > MOST_WAITING:
            del self._outbox[next(iter(self._outbox))]
        if hint.topic in AT_ONCE:
            self._news.set()
        elif self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(GATHER, self._gathered)

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Hint]]:
        """Hints of these topics, from whichever gateway."""
        return self._here.subscribe(*topics)

    def _gathered(self) -> None:
        self._soon = None
        self._news.set()

    async def _for_ever(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._while_connected()
            except (psycopg.Error, OSError, TimeoutError) as problem:
                pause = FIRST_PAUSE if self.connected.is_set() else min(2 * pause, LAST_PAUSE)
                self._note_cut(problem)
            await asyncio.sleep(pause)

    async def _while_connected(self) -> None:
        """Raises when it is over."""
        connection = await self._connect()
        try:
            async with asyncio.timeout(self._patience):
                await self._listen(connection)
            self._note_connected()
            while True:
                await self._news_of(connection)
                async with asyncio.timeout(self._patience):
                    await self._send(connection)
                await self._hand_out()
        finally:
            await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        async with asyncio.timeout(2 * self._patience):
            return await psycopg.AsyncConnection.connect(
                self._address.expose().decode(),
                autocommit=True,
                connect_timeout=max(2, round(self._patience)),
                tcp_user_timeout=round(self._patience * 1000),
                application_name="hoop-gateway bus",
                client_encoding="utf8",
            )

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Ledgers in several schemas of one database have a channel each."""
        cursor = await connection.execute("SELECT current_schema()")
        (schema,) = await cursor.fetchone() or (None,)
        self._channel = "hoop_" + sha256(str(schema).encode()).hexdigest()[:16]
        connection.add_notify_handler(lambda told: self._heard.append(told.payload))
        # Who listens must not wait for a disk: nothing is written but who is to be told.
        await connection.execute("SET synchronous_commit = off")
        await connection.execute(f"LISTEN {self._channel}".encode())

    async def _news_of(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Return when something has come, is to be sent, or has not happened for long."""
        loop, descriptor = asyncio.get_running_loop(), connection.fileno()
        loop.add_reader(descriptor, self._news.set)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pulse):
                    await self._news.wait()
        finally:
            loop.remove_reader(descriptor)
        silence = not self._news.is_set()
        self._news.clear()
        connection.pgconn.consume_input()
        while told := connection.pgconn.notifies():
            self._heard.append(told.extra.decode("utf-8", "replace"))
        if silence:
            async with asyncio.timeout(self._patience):
                await connection.execute("SELECT 1")

    async def _send(self, connection: psycopg.AsyncConnection[Any]) -> None:
        hints = list(self._outbox)
        payloads = [f"{self._me} {hint.topic} {hint.key}" for hint in hints]
        if fit := [each for each in payloads if len(each) <= LONGEST and _PAYLOAD.fullmatch(each)]:
            await connection.execute(_SEND, [self._channel, fit])
        for hint in hints:  # what could not be sent stays for the next connection
            self._outbox.pop(hint, None)

    async def _hand_out(self) -> None:
        """What others have told; what nobody of ours has written is left alone."""
        heard, self._heard = self._heard, []
        for payload in heard:
            known = _PAYLOAD.fullmatch(payload) if len(payload) <= LONGEST else None
            if known and known[1] != self._me:
                await self._here.publish(Hint(known[2], known[3]))

    def _note_connected(self) -> None:
        if self._cut_off:
            log.info("hints of other gateways arrive again")
        self._cut_off = False
        self.connected.set()

    def _note_cut(self, problem: Exception) -> None:
        if not self._cut_off:
            said = plain((str(problem).strip() or type(problem).__name__).splitlines()[0])
            log.warning(
                "hints of other gateways do not arrive, what they do is seen some seconds late: %s", said
            )
        self._cut_off = True
        self.connected.clear()
