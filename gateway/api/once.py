"""Keys that callers send along so that asking twice does nothing twice: `Idempotency-Key`.

What was done is known from the ledger: a decision, an answer and a remark are there or not, also after a restart and
on another gateway. This remembers, for one gateway, what each key was used for, so that a key that is sent for
something else is refused, and two questions with one key do not run at the same time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request

from gateway.api.callers import Caller
from gateway.api.schema_requests import IDEMPOTENCY_HEADER

MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Use:
    """What a key was first sent with, and whether that was done."""

    fingerprint: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: bool = False


class KeysUsed:
    """The keys of everybody, the oldest forgotten first."""

    def __init__(self) -> None:
        self._uses: OrderedDict[tuple[str, str], _Use] = OrderedDict()

    @asynccontextmanager
    async def turn(self, person: str, key: str, fingerprint: str) -> AsyncIterator[bool]:
        """One at a time for each key; true if it was done before. Whoever comes out of it without an exception has
        done it. Raises a problem where the key was for something else."""
        if not key:
            yield False
            return
        use = self._uses.setdefault((person, key), _Use(fingerprint))
        self._uses.move_to_end((person, key))
        while len(self._uses) > MOST_REMEMBERED:
            self._uses.popitem(last=False)
        if use.fingerprint != fingerprint:
            raise HTTPException(422, f"this {IDEMPOTENCY_HEADER} was sent for something else: take a new one")
        async with use.turn:
            yield use.done
            use.done = True


_Key = Annotated[
    str,
    Header(
        alias=IDEMPOTENCY_HEADER,
        max_length=255,
        pattern=r"^[\x21-\x7e]*$",
        description="The same key again does nothing again.",
    ),
]


class Once:
    """One question and its key, if it has one: `async with once as again`. `key` is empty where there is none."""

    def __init__(self, keys: KeysUsed, person: str, key: str, fingerprint: str) -> None:
        self.key = key
        self._turn = keys.turn(person, key, fingerprint)

    async def __aenter__(self) -> bool:
        return await self._turn.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._turn.__aexit__(*error)


async def _once(request: Request, who: Caller, key: _Key = "") -> Once:
    keys = request.app.state.keys
    assert isinstance(keys, KeysUsed)
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Once(keys, who.id, key, sha256(asked).hexdigest())


JustOnce = Annotated[Once, Depends(_once)]
"""A route that takes this does what it does within it."""
