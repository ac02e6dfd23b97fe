"""Borrows an account of a database from a vault's database engine: `{ vault_db = "database/creds/readonly" }`.

The account is renewed as long as it is used and given back at the end. When it can not be renewed any more, the
borrower is told before it is gone.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.vault.client import Tenure, Vault
from gateway.secrets.vault.server import Answer
from gateway.secrets.vault.settings import read_place
from gateway.secrets.wrong import NotAnswering, NothingThere, NotTaken

log = logging.getLogger("hoop.secrets")

_GIVING_BACK: Final = 5.0
"""Seconds. What is not given back by then ends by itself."""
_AGAIN: Final = 5.0
"""Seconds between two tries while the server is down."""
_LEAST: Final = 0.2
"""Seconds between two renewals, however short the lease."""

_ROUNDING: Final = 1.0
"""A server tells whole seconds."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An account that is ours for a while. `over` is set shortly before it ends, when nothing more can be done."""

    username: str
    password: Secret
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Loan:
    """What the server knows a lease by, and until when it lasts on our clock."""

    id: str
    place: str
    lasts: float
    ends_at: float
    renewable: bool
    tenure: Tenure | None
    """That of the token it was borrowed with."""

    @property
    def due_at(self) -> float:
        """When to renew it."""
        return self.ends_at - self.lasts / 2

    @property
    def last_call(self) -> float:
        """When its borrower must let go of it."""
        return self.ends_at - max(self.lasts / 10, _ROUNDING)


class VaultLeases:
    """Lends accounts of databases."""

    def __init__(self, vault: Vault, *, now: Callable[[], float] = time.monotonic) -> None:
        self._vault = vault
        self._now = now
        self._returning: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lend(self, reference: Mapping[str, Any]) -> AsyncIterator[Lease]:
        """An account for as long as the block lasts. Raises `Fault` where there is none."""
        match dict(reference):
            case {"vault_db": str(text), **rest} if not rest:
                place = _read(text)
            case _:
                raise Fault('an account reference must be { vault_db = "MOUNT/creds/ROLE" } and nothing else')
        borrowing = asyncio.create_task(self._borrow(place), name="borrow an account")
        try:
            lease, loan = await asyncio.shield(borrowing)
        except asyncio.CancelledError:
            self._go_on_with(
                self._return(borrowing)
            )  # the server may have made one that nobody waits for any more
            raise
        keeping = asyncio.create_task(self._keep(lease, loan), name="keep an account")
        try:
            yield lease
        finally:
            # The block may be left by a cancellation: giving back is not cut short by another.
            await asyncio.shield(self._go_on_with(self._end(keeping, loan)))

    async def close(self) -> None:
        """Wait until everything is given back."""
        if self._returning:
            await asyncio.wait(self._returning)

    def _go_on_with(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it to its end, whoever goes away."""
        task = asyncio.create_task(work, name="give an account back")
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)
        return task

    async def _return(self, borrowing: "asyncio.Task[tuple[Lease, _Loan]]") -> None:
        try:
            _, loan = await borrowing
        except Fault:
            return
        await self._give_back(loan)

    async def _end(self, keeping: asyncio.Task[None], loan: _Loan) -> None:
        keeping.cancel()
        await asyncio.wait([keeping])
        await self._give_back(loan)

    async def _borrow(self, place: str) -> tuple[Lease, _Loan]:
        what = f"no account can be borrowed at {place}"
        asked_at = self._now()
        answer = await self._vault.ask("GET", place, what)
        data = answer.get("data")
        username = data.get("username") if isinstance(data, dict) else None
        password = data.get("password") if isinstance(data, dict) else None
        id, lasts = answer.get("lease_id"), _seconds(answer)
        if not isinstance(id, str) or not id or not lasts:
            raise Fault(f"{what}: the answer has no lease - check that it is creds/ROLE of a database engine")
        renewable, tenure = answer.get("renewable") is True, self._vault.tenure
        loan = _Loan(id, place, lasts, asked_at + lasts, renewable, tenure)
        if not (isinstance(username, str) and username and isinstance(password, str) and password):
            await self._give_back(loan)
            raise Fault(f"{what}: the answer has no name and password - check the role there")
        return Lease(username, Secret(password)), loan

    async def _keep(self, lease: Lease, loan: _Loan) -> None:
        """Renew until the server gives no more time; then say so while a tenth of the last time is left."""
        try:
            while loan.renewable and self._now() < loan.last_call:
                await self._sleep_until(min(loan.due_at, self._vault.due_at))
                try:
                    await self._vault.keep()
                    if loan.tenure is not None and loan.tenure is not self._vault.tenure:
                        # The token has reached the end of its life: there is another one now, and this goes with it.
                        loan.ends_at, loan.renewable = min(loan.ends_at, loan.tenure.ends_at), False
                    elif self._now() >= loan.due_at:
                        await self._renew(loan)
                except NotAnswering as problem:
                    log.warning("the account from %s is not renewed yet: %s", loan.place, problem.sentence)
                    await self._sleep_until(min(self._now() + _AGAIN, loan.last_call))
                except (NotTaken, NothingThere) as problem:
                    log.warning("the account from %s is gone: %s", loan.place, problem.sentence)
                    return
                except Fault as problem:
                    log.warning("the account from %s is not renewed: %s", loan.place, problem.sentence)
                    break
            await self._sleep_until(loan.last_call)
            log.warning("the account from %s ends now: the vault gives it no more time", loan.place)
        finally:
            lease.over.set()

    async def _renew(self, loan: _Loan) -> None:
        asked_at = self._now()
        what = f"the account from {loan.place} can not be renewed"
        body = {"lease_id": loan.id, "increment": max(1, round(loan.lasts))}
        answer = await self._vault.ask("PUT", "sys/leases/renew", what, body)
        ends_at = asked_at + _seconds(answer)
        # Near the longest time that the server grants there is nothing more to be had, however often one asks.
        gains = ends_at - loan.ends_at > loan.lasts / 10
        loan.renewable = gains and answer.get("renewable") is True
        loan.ends_at = max(loan.ends_at, ends_at)

    async def _give_back(self, loan: _Loan) -> None:
        what = f"the account from {loan.place} can not be given back and ends by itself"
        try:
            async with asyncio.timeout(_GIVING_BACK):
                await self._vault.ask("PUT", "sys/leases/revoke", what, {"lease_id": loan.id, "sync": True})
        except TimeoutError:
            log.warning("%s: the vault gave no answer in %g seconds", what, _GIVING_BACK)
        except Fault as problem:
            log.warning("%s", problem.sentence)

    async def _sleep_until(self, moment: float) -> None:
        await asyncio.sleep(max(_LEAST, moment - self._now()))


def _read(text: str) -> str:
    try:
        return read_place(text, "vault_db", "database/creds/readonly")
    except ValueError as problem:
        raise Fault(f"a secret reference is wrong: {problem}") from None


def _seconds(answer: Answer) -> float:
    lasts = answer.get("lease_duration")
    return float(lasts) if isinstance(lasts, int) and not isinstance(lasts, bool) and lasts > 0 else 0.0
