"""Pending sign-ins: somebody stands at a door with a code, and proves in a browser who they are.

It knows no HTTP and no identity provider. Whoever stands at the door keeps the Ring; pages look it up by the code and
answer it. A code is good once, for minutes, and for that one door: the answer reaches nobody else.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from gateway.core.errors import Refused
from gateway.core.events import SignInAsked
from gateway.core.failures import Failures, neighbourhood
from gateway.core.ids import canonical_code, new_code
from gateway.core.people import Peer, Principal
from gateway.core.plain import plain
from gateway.core.ports import Clock, Ledger

MISSES = 20
MISSES_WITHIN = 600.0
"""So many wrong codes from one address within so many seconds, and it may look for the rest of them at none."""

OPEN_MOST = 10_000
OPEN_PER_ADDRESS = 50


@dataclass(eq=False, slots=True)
class Ring:
    """One pending sign-in."""

    code: str
    what: str
    """What the person wants, as the page says it: `ssh to web-1`."""
    peer: Peer
    asked_at: datetime
    expires_at: datetime
    bell: "Doorbell" = field(repr=False)
    principal: Principal | None = None
    browser: Peer | None = None
    """Where it was answered."""
    declined: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def answered(self, timeout: float) -> Principal | None:
        """Who it is; None: nobody has answered within `timeout` seconds. Raises `Refused`: nobody ever will."""
        left = (self.expires_at - self.bell.now()).total_seconds()
        if self.principal is None and not self.declined and left > 0:
            try:
                async with asyncio.timeout(min(timeout, left)):
                    await self.news.wait()
            except TimeoutError:
                pass
        if self.declined:
            raise Refused("sign-in refused: it was stopped in the browser")
        if self.principal is None and self.bell.now() >= self.expires_at:
            raise Refused("sign-in refused: the code has expired - try again")
        return self.principal

    def withdraw(self) -> None:
        """Nobody waits for it any more."""
        self.bell.forget(self)


class Doorbell:
    """All pending sign-ins of this process."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        lifetime: timedelta,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self.lifetime = lifetime
        self._monotonic = monotonic or (lambda: clock.monotonic_us() / 1e6)
        self._rings: dict[str, Ring] = {}
        self._waiting: Counter[str] = Counter()
        self._misses = Failures(MISSES, MISSES_WITHIN)

    def now(self) -> datetime:
        """Wall time."""
        return self._clock.now()

    def __len__(self) -> int:
        return len(self._rings)

    async def ring(self, what: str, peer: Peer) -> Ring:
        """Somebody stands at the door. Their code is in the audit log, as a hash, before they see it. Raises
        `Refused` where too many stand there, and `Fault`."""
        self._forget_expired()
        who = neighbourhood(peer.address)
        if len(self._rings) >= OPEN_MOST or self._waiting[who] >= OPEN_PER_ADDRESS:
            raise Refused("too many sign-ins are open - finish one of them, or try again in a few minutes")
        code = new_code()
        now = self._clock.now()
        ring = Ring(code, what, peer, now, now + self.lifetime, self)
        self._rings[code] = ring
        self._waiting[who] += 1
        asked = SignInAsked(
            code_sha256=sha256(code.encode()).hexdigest(),
            what=plain(what, 128),
            address=peer.address,
            client=plain(peer.client, 128),
        )
        try:
            await self._ledger.append(asked)
        except BaseException:
            self.forget(ring)
            raise
        return ring

    def look(self, code: str, browser: Peer) -> Ring | None:
        """The pending sign-in with this code, however it was typed. None: there is none, or not any more. Raises
        `Refused` for a browser's address that has tried too many."""
        who = neighbourhood(browser.address)
        now = self._monotonic()
        if wait := self._misses.wait(who, now):
            raise Refused(f"too many wrong codes from your address - try again in {int(wait) + 1} s")
        try:
            ring = self._rings.get(canonical_code(code))
        except ValueError:
            ring = None
        if ring is None or not self._is_open(ring):
            self._misses.add(who, now)
            return None
        return ring

    async def answer(self, ring: Ring, principal: Principal, browser: Peer) -> None:
        """This is who stands at the door. Raises `Refused` where it is too late, or somebody was first."""
        if not self._is_open(ring):
            raise Refused("this code has expired or was used - start again in your terminal")
        ring.principal = principal
        ring.browser = browser
        ring.news.set()

    def decline(self, ring: Ring) -> None:
        """Nobody is to come in with it."""
        if self._is_open(ring):
            ring.declined = True
            ring.news.set()

    def forget(self, ring: Ring) -> None:
        """It is over, one way or another."""
        if self._rings.pop(ring.code, None) is not None:
            who = neighbourhood(ring.peer.address)
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who]

    def _is_open(self, ring: Ring) -> bool:
        known = self._rings.get(ring.code) is ring
        return known and ring.principal is None and not ring.declined and self._clock.now() < ring.expires_at

    def _forget_expired(self) -> None:
        now = self._clock.now()
        for ring in [ring for ring in self._rings.values() if now >= ring.expires_at]:
            self.forget(ring)


def same_code(one: str, other: str) -> bool:
    """Whether two codes are the same, however they were typed."""
    try:
        return secrets.compare_digest(canonical_code(one), canonical_code(other))
    except ValueError:
        return False
