"""Local people: those of the configuration who have a password in the ledger, and a code to go with it.

For small installations, and for the day on which no identity provider answers (`break_glass`). Whoever fails is told
one sentence, whatever was wrong, after the same time; the audit log says what it was. Unknown, disabled and locked
people are one to a stranger. Every sign-in is an event of its own, and one with break-glass is a warning, too.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import Refused
from gateway.core.events import Event, LocalSignIn, SignInRefused
from gateway.core.failures import Failures, neighbourhood
from gateway.core.people import Peer
from gateway.core.plain import plain
from gateway.core.ports import Clock, LockRow, PasswordRow
from gateway.identity import totp
from gateway.identity.passwords import Hashing, is_outgrown, may_be_one
from gateway.identity.sealing import Sealer
from gateway.identity.throttle import Throttle, TooMany

WRONG = "name, password or code is wrong"
MOST = {"name": 10, "address": 30}
"""So many failures within ten minutes, and no more are looked at."""
CODES = 20
"""So many wrong codes with the right password in a day, and no code is taken with that password any more. Three of a
million codes are right at a time: whoever has learnt a password would need a year or two less patience than that."""

_DAY = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", re.ASCII)
_NO_NAME = "(not a name)"
_NOBODY = "-"
"""The id of no person: what is looked up for somebody unknown, so that they cost as much."""

log = logging.getLogger("hoop")


@dataclass(frozen=True, slots=True)
class LocalPerson:
    """What the configuration says of somebody."""

    id: str
    break_glass: bool = False
    linked: bool = False
    """An identity provider vouches for them: they sign in there, and here only with `break_glass`."""


Find = Callable[[str], LocalPerson | None]
"""The person of the configuration with this name; None where there is none, or they are disabled."""


class Kept(Protocol):
    """The part of the ledger that this module needs."""

    async def append(self, event: Event) -> int: ...
    async def locks(self) -> Sequence[LockRow]: ...
    async def password(self, person: str) -> PasswordRow | None: ...
    async def rehash_password(self, person: str, old: str, new: str) -> bool: ...
    async def use_totp_step(self, person: str, step: int) -> bool: ...


def about_codes(person: str) -> str:
    """What the secret behind somebody's codes is sealed for."""
    return f"totp of {person}"


class _Wrong(Exception):
    """Why somebody is not let in: for the audit log, never for them."""


class LocalPeople:
    """Signs people in by name, password and code."""

    def __init__(
        self,
        kept: Kept,
        sealer: Sealer,
        hashing: Hashing,
        clock: Clock,
        find: Find,
        *,
        password_alone: bool = False,
        most: Mapping[str, int] = MOST,
    ) -> None:
        self._kept = kept
        self._sealer = sealer
        self._hashing = hashing
        self._clock = clock
        self._find = find
        self._password_alone = password_alone
        self._throttle = Throttle(most)
        self._codes = Failures(CODES, _DAY)

    async def sign_in(self, name: str, password: str, otp: str, peer: Peer) -> str:
        """The id of whoever this is, in the audit log by then. Raises `Refused`: one sentence for all that is wrong,
        another for too many who try."""
        keys = {"name": name[:128].casefold(), "address": neighbourhood(peer.address)}
        try:
            person, row = await self._proved(name, password, otp, keys)
        except _Wrong as wrong:
            self._throttle.failed(keys, self._seconds())
            await self._note_refused(str(wrong), name, peer)
            raise Refused(WRONG) from None
        except TooMany:
            if news := self._throttle.news(keys, self._seconds()):
                await self._note_refused(news, name, peer)
            raise
        await self._keep_up(person, row, password)
        await self._note_signed_in(person, peer)
        return person.id

    async def _proved(
        self, name: str, password: str, otp: str, keys: Mapping[str, str]
    ) -> tuple[LocalPerson, PasswordRow]:
        self._throttle.check(keys, self._seconds())
        if not may_be_one(password):
            raise _Wrong("no password, or one that is too long")
        person = self._find(name)
        whose = person.id if person else _NOBODY
        row = await self._kept.password(whose)
        locked = any(lock.person == whose for lock in await self._kept.locks())
        barred = _why_barred(person, row, locked)
        right = await self._hashing.matches(password, row.phc if row and not barred else "")
        # Again: of many guesses at once, no more than the limit may be told right from wrong. From here to the
        # last `_Wrong` that a guess can cause, nothing is awaited.
        self._throttle.check(keys, self._seconds())
        if person is None or row is None or barred:
            raise _Wrong(barred)
        if not right:
            raise _Wrong("wrong password")
        step = self._step(person, row, otp)
        if step is not None and not await self._kept.use_totp_step(person.id, step):
            behind = row.last_step > totp.step_at(self._clock.now().timestamp()) + totp.WINDOW
            raise _Wrong(
                "the gateway's clock is behind the last code that was used"
                if behind
                else "this code, or a later one, was used before"
            )
        return person, row

    def _step(self, person: LocalPerson, row: PasswordRow, otp: str) -> int | None:
        """The half minute that their code is of. None: they need no code."""
        if not row.totp:
            if person.break_glass or not self._password_alone:
                raise _Wrong("the password is right, but no code is set up for them")
            return None
        this_password = f"{person.id} {row.phc}"
        if self._codes.wait(this_password, self._seconds()):
            raise _Wrong(
                f"the password is right, but {CODES} codes with it were wrong: they need another password"
            )
        secret = self._sealer.open(row.totp, about_codes(person.id))
        step = totp.step_of(secret, otp, self._clock.now().timestamp())
        if step is None:
            if totp.tidy(otp) and self._codes.add(this_password, self._seconds()) == CODES - 1:
                log.warning(
                    "%d wrong codes within a day with the right password of %s: nobody is let in with it any more",
                    CODES,
                    person.id,
                )
            raise _Wrong("the password is right, but the code is wrong or missing")
        return step

    async def _keep_up(self, person: LocalPerson, row: PasswordRow, password: str) -> None:
        """Hash the password as it would be hashed now, while it is at hand."""
        if not is_outgrown(row.phc, self._hashing.cost):
            return
        try:
            fresh = await self._hashing.hashed(password)
        except Refused:
            return  # So many are signing in: next time.
        await self._kept.rehash_password(person.id, row.phc, fresh)

    async def _note_signed_in(self, person: LocalPerson, peer: Peer) -> None:
        await self._kept.append(
            LocalSignIn(
                actor=person.id,
                person=person.id,
                address=peer.address,
                client=plain(peer.client, 128),
                break_glass=person.break_glass,
            )
        )
        if person.break_glass:
            log.warning("break-glass sign-in: %s from %s", person.id, peer.address)

    async def _note_refused(self, why: str, name: str, peer: Peer) -> None:
        # What is no name may be a password in the wrong field.
        login = name if _NAME.fullmatch(name) else _NO_NAME
        await self._kept.append(
            SignInRefused(reason=why, address=peer.address, login=login, client=plain(peer.client, 128))
        )

    def _seconds(self) -> float:
        return self._clock.monotonic_us() / 1e6


def _why_barred(person: LocalPerson | None, row: PasswordRow | None, locked: bool) -> str:
    if person is None:
        return "nobody of this name is in the configuration, or they are disabled"
    if locked:
        return "they are locked"
    if person.linked and not person.break_glass:
        return "they sign in at their identity provider, and have no break_glass"
    return "" if row and row.phc else "they have no password"
