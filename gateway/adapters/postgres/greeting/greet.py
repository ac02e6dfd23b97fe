"""Meets one client of PostgreSQL: from its first byte to who it is and what it wants.

It opens no session and dials nobody. Whoever is turned away has been told why, and is closed, when this returns.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace

from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.greeting.door import Door
from gateway.adapters.postgres.greeting.opening import Gone, Opening
from gateway.adapters.postgres.greeting.proof import Failed, Proof, Proven
from gateway.adapters.postgres.greeting.turned_away import (
    BROKEN_PROTOCOL,
    NO_SUCH_DATABASE,
    NOT_LET_IN,
    NOT_OFFERED,
    OUR_FAULT,
    TurnedAway,
)
from gateway.adapters.postgres.greeting.wishes import Wishes, check_database, check_for, read_wishes
from gateway.core.accounts import account_for
from gateway.core.errors import Fault, Malformed, Refused
from gateway.core.people import Peer, Principal, Target
from gateway.core.plain import plain, sentence
from gateway.wire.postgres.sign_in import AuthenticationOk, make_authentication, negotiate_version
from gateway.wire.postgres.startup import CancelRequest, Startup

log = logging.getLogger("hoop.postgres")

KIND = "postgres"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody is in, and has been told so. Whether there is such a target for them, the Lobby says."""

    principal: Principal
    target: str
    login: str
    """The account that they chose; empty: the one that is theirs."""
    parameters: dict[str, str]
    """The settings that they asked for, also those from `options`."""
    protocol: tuple[int, int]
    peer: Peer
    """With what their client says it is."""
    note: str = ""
    """What they should be told once they are in."""
    rest: bytes = b""
    """What came behind, and is unread."""
    in_band: dict[str, str] = field(default_factory=dict)
    """What they say about their requests."""


async def greet(end: End, door: Door) -> Arrived | CancelRequest | None:
    """None: they were told why not, and are closed. Of who has arrived, and is no visitor, the doorstep is to be told
    when they leave."""
    address, doorstep = end.peer.address, door.doorstep if door.visitor is None else None
    if doorstep is None:
        return await _greeted(end, door)
    if not doorstep.arrive(address):
        if words := doorstep.no_room_for(address):
            log.warning("%s", words)
        end.abort()
        return None
    met: Arrived | CancelRequest | None = None
    try:
        met = await _greeted(end, door)
    finally:
        if isinstance(met, Arrived):
            doorstep.signed_in(address)
        else:
            doorstep.leave(address, was_signed_in=False)
    return met


async def _greeted(end: End, door: Door) -> Arrived | CancelRequest | None:
    try:
        async with asyncio.timeout(door.settings.login_grace):
            return await _Greeting(end, door).run()
    except TurnedAway as problem:
        log.info("from %s: %s", end.peer.address, plain(problem.words))
        end.write(problem.message)
        end.close()
        return None
    except Gone:
        end.close()
        return None
    except Malformed as problem:
        log.info("from %s: %s", end.peer.address, problem.sentence)
        if end.secured:
            end.write(TurnedAway(BROKEN_PROTOCOL, problem.sentence).message)
            end.close()
            return None
    except TimeoutError:
        log.info("from %s: no sign-in within %g s", end.peer.address, door.settings.login_grace)
    except OSError as problem:
        log.info("from %s: no TLS: %s", end.peer.address, plain(str(problem), 100))
    except Fault as problem:
        log.error("nobody can come in: %s", problem.sentence)
        end.write(TurnedAway(OUR_FAULT, problem.sentence).message)
        end.close()
        return None
    end.abort()
    return None


class _Greeting:
    def __init__(self, end: End, door: Door) -> None:
        self._end = end
        self._door = door
        self._peer = end.peer

    async def run(self) -> Arrived | CancelRequest:
        visitor = self._door.visitor
        opening = Opening(self._end, None if visitor else self._door.tls, self._no_handshake)
        opened = await opening.open()
        if isinstance(opened.packet, CancelRequest):
            return opened.packet
        startup = opened.packet
        self._check_version(startup)
        if visitor is None and not self._end.secured:
            raise TurnedAway(BROKEN_PROTOCOL, "TLS is required - add sslmode=require")
        if visitor is None and (banned := self._banned()):
            raise TurnedAway(NOT_LET_IN, banned)
        version, negotiation = negotiate_version(startup)
        wishes = read_wishes(startup.parameters)
        self._peer = replace(self._peer, client=plain(wishes.settings.get("application_name", ""), 64))
        if visitor is not None:
            wishes = replace(wishes, target=visitor.target)
        self._end.write(negotiation)
        proven = await self._proven(wishes, opened.rest)
        target = self._door.find(wishes.wanted)
        if target is not None:
            await self._check(wishes, target, proven.principal)
        self._end.write(make_authentication(AuthenticationOk()))
        return Arrived(
            proven.principal,
            wishes.wanted,
            self._account(wishes, target, proven.principal),
            wishes.settings,
            version,
            self._peer,
            rest=proven.rest,
            in_band=wishes.in_band,
        )

    async def _proven(self, wishes: Wishes, rest: bytes) -> Proven:
        """Who it is. A visitor is known."""
        if self._door.visitor is not None:
            return Proven(self._door.visitor.principal, rest)
        doorstep, name = self._door.doorstep, plain(wishes.wanted, 64)
        noted = doorstep is None or not doorstep.wary_of(name)
        try:
            return await Proof(self._end, self._door, wishes, self._peer, rest, noted=noted).ask()
        except Failed as failed:
            await self._count(name)
            raise failed.turned_away from failed

    async def _count(self, name: str) -> None:
        if self._door.doorstep is None:
            return
        failed = self._door.doorstep.failed(self._end.peer.address, name)
        if failed.burst:
            log.warning("from %s: %s", self._end.peer.address, failed.burst)
            await self._door.lobby.note_burst(failed.burst, self._peer, name)

    async def _check(self, wishes: Wishes, target: Target, principal: Principal) -> None:
        """Is it a database, and is what they ask for offered on it?"""
        may_know = not principal.targets or target.name in principal.targets
        if target.kind != KIND or not may_know:
            why = f'there is no database "{plain(target.name, 64)}" for you'
            await self._door.lobby.note_burst(why, self._peer, target.name)
            raise TurnedAway(NO_SUCH_DATABASE, f"{why} - ask your platform team")
        check_for(wishes, target)
        if self._door.visitor is not None:
            check_database(wishes, target)

    def _account(self, wishes: Wishes, target: Target | None, principal: Principal) -> str:
        """The account that `user` names, where it is one that they may use; clients put all kinds of names there."""
        if self._door.visitor is not None and self._door.visitor.login:
            return self._door.visitor.login
        if target is None or not wishes.user:
            return ""
        try:
            return account_for(target, principal, wishes.user)
        except Refused:
            return ""

    def _check_version(self, startup: Startup) -> None:
        if startup.major == 2:  # its clients read errors as plain text
            words = sentence("protocol 2.0 is too old: use a client of PostgreSQL 7.4 or later")
            self._end.write(b"E" + f"FATAL:  {words}\n".encode() + b"\0")
            raise Gone
        if startup.major != 3:
            raise TurnedAway(
                NOT_OFFERED, f"protocol {startup.major}.{startup.minor} is not spoken here: it is 3.0 to 3.2"
            )

    def _banned(self) -> str:
        return self._door.doorstep.banned(self._end.peer.address) if self._door.doorstep is not None else ""

    def _no_handshake(self) -> str:
        """Why somebody is told at once, in the clear. Most clients show nothing of that, so now and then one of them
        gets a handshake, to hear it."""
        banned = self._banned()
        return "" if not banned or self._door.courtesy.allows() else banned
