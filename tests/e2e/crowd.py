"""Many people who wait at once, people who decide at random by two gateways, and gateways that are killed.

Nothing is judged here: each operation's `Fate` says what its person could see. `crowd_book.py` compares.
"""

import asyncio
import os
import random
import re
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx2
import psycopg

from tests.e2e.crowd_town import APPROVERS, ASKERS, KINDS, STRANGER, Town
from tests.e2e.served import PATIENCE

WEIGHTS = (44, 14, 14, 6, 10, 12)
"""Of `KINDS`."""
DECIDERS = 8
COME_A_SECOND = 15
"""People, at the beginning and when a gateway is there again: what is looked at here is not how it takes a rush."""
TRIES = 5
"""Of what is asked for again after it was refused."""
HELD = re.compile(r"hoop: held ([0-9A-Z]{3}-[0-9A-Z]+)")
STATES = re.compile(r"hoop: (approved|denied|expired|withdrawn|blocked|held) ")


@dataclass
class Fate:
    """One operation. `told`: what its person was told last; `ran`, `lost` (cut off), `cancelled`, or a fixed word."""

    text: str
    kind: str
    asker: str
    request: str = ""
    version: int = 1
    told: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()


@dataclass
class Crowd:
    """`run` it once."""

    town: Town
    seed: int
    many: int
    at_once: int
    kills: int
    fates: list[Fate] = field(default_factory=list)
    open: dict[str, Fate] = field(default_factory=dict)
    """By the ids of their requests."""
    answers: Counter[str] = field(default_factory=Counter)
    """What the API said: the act and its status."""
    most_waiting: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    ended: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.numbers = iter(range(self.many))
        self.killing = asyncio.Lock()

    def enough(self) -> None:
        """Whoever asks now is the last."""
        self.numbers = iter(())

    async def run(self) -> None:
        """Until every operation has come to its end."""
        async with httpx2.AsyncClient(timeout=PATIENCE, limits=httpx2.Limits(max_connections=50)) as http:
            others = [asyncio.create_task(self._decide_for_ever(http)) for _ in range(DECIDERS)]
            others.append(asyncio.create_task(self._kill_now_and_then()))
            people = [self._ask_for_ever(ASKERS[n % len(ASKERS)]) for n in range(self.at_once)]
            working = asyncio.ensure_future(asyncio.gather(*people))
            waiting: set[asyncio.Future[Any]] = {working, *others}
            try:
                while not working.done():
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    for each in done:
                        each.result()
            finally:
                async with self.killing:  # what was killed is started again before that
                    for task in waiting:
                        task.cancel()
                    await asyncio.gather(*waiting, return_exceptions=True)

    # Who asks.

    async def _ask_for_ever(self, asker: str) -> None:
        connection: psycopg.AsyncConnection[Any] | None = None
        await asyncio.sleep(self.random.uniform(0, self.at_once / COME_A_SECOND))
        while (n := next(self.numbers, None)) is not None:
            (kind,) = self.random.choices(KINDS, WEIGHTS)
            fate = Fate(f"INSERT INTO done_{kind} VALUES ('op-{n:05}')", kind, asker)
            self.fates.append(fate)
            connection = await self._asked(fate, connection)
            self.ended += 1
            if self.ended % 500 == 0:
                print(f"{self.ended} of {self.many} have ended", flush=True)
            self.open.pop(fate.request, None)
        if connection is not None:
            await connection.close()

    async def _asked(
        self, fate: Fate, connection: psycopg.AsyncConnection[Any] | None
    ) -> psycopg.AsyncConnection[Any] | None:
        """The connection that is left."""
        for _ in range(TRIES if fate.kind == "later" else 1):
            connection = connection or await self._connected(fate.asker)
            connection.add_notice_handler(
                told := lambda notice: self._hears(fate, notice.message_primary or "")
            )
            leaving = asyncio.create_task(self._leave(fate, connection))
            try:
                await connection.execute(fate.text.encode())
                fate.told = "ran"
            except psycopg.OperationalError:
                fate.told = "lost"
            except psycopg.errors.QueryCanceled:
                fate.told = "cancelled"
            except psycopg.Error as problem:
                self._hears(fate, said := str(problem))
                found = STATES.search(said)
                fate.told = found[1] if found else said
            finally:
                leaving.cancel()
                await asyncio.wait([leaving])
            connection.remove_notice_handler(told)
            if connection.closed or connection.broken or fate.told == "lost":
                await connection.close()
                connection = None
            if fate.told not in ("held", "lost"):
                break
            await asyncio.sleep(self.random.uniform(0.2, 3))
        return connection

    async def _connected(self, asker: str) -> psycopg.AsyncConnection[Any]:
        until = time.monotonic() + 6 * PATIENCE
        while True:
            if not self.town.up.is_set():
                await self.town.up.wait()
                await asyncio.sleep(self.random.uniform(0, self.at_once / COME_A_SECOND))
            try:
                return await self.town.connect(asker)
            except psycopg.OperationalError:
                assert time.monotonic() < until, "nobody is let in"
                await asyncio.sleep(self.random.uniform(0.05, 0.3))

    def _hears(self, fate: Fate, words: str) -> None:
        if (found := HELD.search(words)) and fate.request != found[1]:
            self.open.pop(fate.request, None)
            fate.request, fate.version = found[1], 1
            self.open[fate.request] = fate
            self.most_waiting = max(self.most_waiting, len(self.open))
            fate.heard.set()

    async def _leave(self, fate: Fate, connection: psycopg.AsyncConnection[Any]) -> None:
        """Some lose patience, and take it back or hang up."""
        await fate.heard.wait()
        draw = self.random.random()
        if fate.kind == "later" or draw > 0.12:
            return
        await asyncio.sleep(self.random.expovariate(1 / 4))
        with suppress(psycopg.Error, OSError):
            if draw < 0.06:
                await connection.cancel_safe(timeout=5)
            else:
                hang_up(connection)

    # Who decides.

    async def _decide_for_ever(self, http: httpx2.AsyncClient) -> None:
        while True:
            if not self.open:
                await asyncio.sleep(0.02)
                continue
            fate = self.random.choice(list(self.open.values()))
            if fate.kind == "soon" and self.random.random() < 0.7:
                await asyncio.sleep(0.01)  # most of these are left to expire
                continue
            await self._somebody_acts(http, fate)

    async def _somebody_acts(self, http: httpx2.AsyncClient, fate: Fate) -> None:
        draw, who = self.random.random(), self.random.choice(APPROVERS)
        shown = {"sha256": fate.sha256, "version": fate.version}
        no = {"reason": "not today"}
        if fate.kind == "why" and fate.version == 1 and draw < 0.5:
            if await self._post(http, fate, fate.asker, "reply", {"reason": "because"}) == 200:
                fate.version = 2
        elif draw < 0.55:
            await self._post(http, fate, who, "approve", shown)
        elif draw < 0.62:  # both at the same moment, one by each gateway or both by the same
            one, other = self.random.sample(APPROVERS, 2)
            await asyncio.gather(
                self._post(http, fate, one, "approve", shown),
                self._post(http, fate, other, self.random.choice(["approve", "deny"]), shown | no),
            )
        elif draw < 0.66:
            wrong = {"sha256": "0" * 64, "version": fate.version}
            assert await self._post(http, fate, who, "approve", wrong) != 200
        elif draw < 0.70:
            own = self.random.choice([fate.asker, STRANGER])
            assert await self._post(http, fate, own, "approve", shown) != 200
        elif draw < 0.78:
            await self._post(http, fate, who, "deny", shown | no)
        elif draw < 0.82:
            await self._post(http, fate, fate.asker, "cancel", {})
        elif draw < 0.86:
            await self._post(http, fate, who, "claim", {})
        elif draw < 0.90:
            await self._post(http, fate, who, "comment", {"text": "which one is it?"})
        else:
            await asyncio.sleep(0.05)  # nobody does anything

    async def _post(
        self, http: httpx2.AsyncClient, fate: Fate, who: str, act: str, said: dict[str, Any]
    ) -> int:
        at = self.random.choice(self.town.gateways)
        url = f"http://127.0.0.1:{at.ports['api']}/v1/requests/{fate.request}/{act}"
        try:
            answer = await http.post(url, json=said, headers=self.town.headers(who))
        except httpx2.TransportError:
            self.answers[f"{act} nobody"] += 1
            await asyncio.sleep(0.1)
            return 0
        self.answers[f"{act} {answer.status_code}"] += 1
        assert answer.status_code in (200, 403, 404, 409, 410, 422, 503), answer.text
        return int(answer.status_code)

    # Who kills.

    async def _kill_now_and_then(self) -> None:
        """`east`, where people wait, mostly."""
        for n in range(self.kills):
            at = (n + self.random.uniform(0.2, 0.8)) * self.many / self.kills
            while self.ended < at:
                await asyncio.sleep(0.02)
            which = self.town.gateways[-1] if n % 4 == 3 else self.town.east
            self.killed["east" if which is self.town.east else "west"] += 1
            async with self.killing:
                await self.town.kill(which)


def hang_up(connection: psycopg.AsyncConnection[Any]) -> None:
    """Under libpq, which is in the middle of waiting and must not lose what it waits with."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
