"""Passwords of the gateway's own: how they are kept, and whether one is right.

Kept as argon2id, in the notation that argon2 programs share (`$argon2id$v=19$m=...`). Text becomes NFC first, so
that a password is the same from every keyboard and system; nothing else is changed: case, blanks and length count.
Hashing takes 64 MiB and about 0.2 s on one core of a small server, three times the memory and half as many passes
again as OWASP asks for at least. So it is done off the event loop, at most `AT_ONCE` at a time, and only for so many
who wait. What may be chosen is said by `password_choice.py`, who may sign in with it by `local.py`.
"""

import asyncio
import base64
import os
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.core.errors import Fault, Refused

LONGEST_BYTES = 1024
AT_ONCE = 2
"""So many are hashed at the same time: this is what bounds memory (64 MiB each) and processors."""
WAITING = 32
"""So many may wait for that, or be at it: the last of them about three seconds. Others are told to come back."""

T = TypeVar("T")


class Cost(NamedTuple):
    """What one guess takes: KiB of memory, passes over it, and lanes."""

    memory: int
    passes: int
    lanes: int


COST = Cost(memory=64 * 1024, passes=3, lanes=1)
MOST = Cost(memory=1024 * 1024, passes=64, lanes=16)
"""What a kept hash may ask of us at most: more, and it is not one that we wrote."""

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}",
    re.ASCII,
)


def normal(password: str) -> str:
    """The one way to write this text: what is hashed, and what is counted."""
    return unicodedata.normalize("NFC", password)


def hashed(password: str, cost: Cost = COST) -> str:
    """What to keep of a password. It takes its time: see `Hashing`."""
    work = Argon2id(
        salt=os.urandom(16), length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory
    )
    return work.derive_phc_encoded(_bytes(password))


def is_right(password: str, phc: str) -> bool:
    """Whether `phc` was made of this password. It takes its time. Raises `Fault` for what we never wrote."""
    cost = cost_of(phc)
    if any(asked > most for asked, most in zip(cost, MOST, strict=True)):
        raise Fault("a kept password hash asks for more work than the gateway ever does")
    try:
        Argon2id.verify_phc_encoded(_bytes(password), phc)
    except InvalidKey:
        return False
    except ValueError:
        raise Fault("a kept password hash can not be read") from None
    return True


def cost_of(phc: str) -> Cost:
    """What it took to make a kept hash. Raises `Fault` where it is none."""
    found = _PHC.fullmatch(phc)
    if found is None:
        raise Fault("a kept password hash can not be read")
    return Cost(*map(int, found.groups()))


def is_outgrown(phc: str, cost: Cost = COST) -> bool:
    """It was made with less than is asked for now, in any way: make it anew when the password is at hand."""
    return any(asked < wanted for asked, wanted in zip(cost_of(phc), cost, strict=True))


def may_be_one(password: object) -> bool:
    """Text that could be a password at all, to be asked before any work: not empty and not over-long."""
    if not isinstance(password, str) or not password or len(password) > LONGEST_BYTES:
        return False
    try:
        return len(_bytes(password)) <= LONGEST_BYTES
    except UnicodeEncodeError:
        return False


class Hashing:
    """Where hashing is done: threads of its own, never more at work than `AT_ONCE`, and no endless queue.

    The bound holds for what is abandoned too: who hangs up while theirs is at work makes no room before it is done.
    """

    def __init__(self, cost: Cost = COST, waiting: int = WAITING) -> None:
        self.cost = cost
        self._waiting = waiting
        self._there = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hoop-password")
        self._nobody = _nobodys(cost)

    async def matches(self, password: str, phc: str) -> bool:
        """Whether the password is right. With no `phc` the answer is no, and takes as long."""
        right = await self._off_the_loop(lambda: is_right(password, phc or self._nobody))
        return right and bool(phc)

    async def hashed(self, password: str) -> str:
        """What to keep of a password."""
        return await self._off_the_loop(lambda: hashed(password, self.cost))

    def close(self) -> None:
        """Take no more work. What is at work is finished by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _off_the_loop(self, work: Callable[[], T]) -> T:
        if self._there >= self._waiting:
            raise Refused("too many are signing in at once - try again in a moment")
        self._there += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._there -= 1


def _nobodys(cost: Cost) -> str:
    """What the passwords of those who have none are compared with: no password was ever hashed to it."""
    salt, digest = (base64.b64encode(os.urandom(length)).decode().rstrip("=") for length in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"


def _bytes(password: str) -> bytes:
    return normal(password).encode()
