"""Machines: service accounts, CI jobs and agents. Each has an owner, and reaches only the targets that it names.

A machine shows its client secret, or the token that its CI job was given, and is given a short token for it. To
everybody else it is the person `machine:NAME`, whom the directory finds only while somebody answers for it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from gateway.core.errors import Refused
from gateway.core.events import Event, MachineExchanged, SignInRefused
from gateway.core.failures import neighbourhood
from gateway.core.people import Peer, Principal
from gateway.core.plain import plain
from gateway.core.ports import Clock, TokenRow
from gateway.identity import job_claims
from gateway.identity.machine_secrets import machine_id, opens
from gateway.identity.throttle import Throttle, TooMany
from gateway.identity.tokens import Lookup, mint

KIND = "machine"
"""Of the tokens that machines are given."""

WRONG = "the machine, or what it signs in with, is not right - the audit log of the gateway says what"
MOST = {"address": 30}
"""So many failures within ten minutes, and no more are looked at. Not by name: a stranger would lock out the job."""
LONGEST_TOKEN = 32_768

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NOTED = timedelta(minutes=1)
"""Uses of a secret that follow each other more closely are not written down each."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the configuration says of one. With an `issuer` it shows that one's tokens, else a client secret."""

    name: str
    owner: str
    targets: frozenset[str]
    groups: frozenset[str] = frozenset()
    ttl: timedelta = timedelta(minutes=15)
    issuer: str = ""
    audience: str = ""
    claims: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def id(self) -> str:
        """What rules, tokens and the audit log call it."""
        return machine_id(self.name)


class Verifies(Protocol):
    """Checks the signature, the issuer, the audience and the times of a token. Raises `Refused`, and `Fault` where
    the issuer's keys can not be had."""

    async def verify(self, token: str, audience: str) -> Mapping[str, Any]: ...


class Kept(Protocol):
    """The part of the ledger that this module needs."""

    async def append(self, event: Event) -> int: ...
    async def token(self, id: str) -> TokenRow | None: ...
    async def add_token(self, token: TokenRow, event: Event) -> None: ...
    async def token_used(self, id: str, at: datetime) -> None: ...


class Exchanged(NamedTuple):
    """A short token: its text, which is nowhere else, what is kept of it, and who it stands for."""

    token: str
    row: TokenRow
    principal: Principal


class _Wrong(Exception):
    """Why a machine is not let in: for the audit log, never for whoever asked."""


class _Proof(NamedTuple):
    """How a machine has shown that it is one."""

    how: str
    method: str
    detail: str
    parent: str = ""
    ends_at: datetime | None = None


_Proves = Callable[[Machine, str], Awaitable[_Proof]]


class Machines:
    """Signs machines in, and knows who they are now."""

    def __init__(
        self,
        kept: Kept,
        clock: Clock,
        find: Lookup,
        verifiers: Callable[[str], Verifies | None],
        machines: Iterable[Machine] = (),
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._find = find
        self._verifiers = verifiers
        self._used = job_claims.UsedOnce()
        self._throttle = Throttle(MOST)
        self._machines: dict[str, Machine] = {}
        self.replace(machines)

    def replace(self, machines: Iterable[Machine]) -> None:
        """Know these from now on: those of the configuration that are not disabled."""
        self._machines = {machine.name: machine for machine in machines}

    async def by_secret(self, name: str, secret: str, peer: Peer) -> Exchanged:
        """A short token for a client secret. Raises `Refused`, `Fault`."""
        return await self._exchange(name, secret, peer, self._shows_secret)

    async def by_job_token(self, name: str, token: str, peer: Peer) -> Exchanged:
        """A short token for the token of a CI job. Raises `Refused`, `Fault`."""
        return await self._exchange(name, token, peer, self._shows_job_token)

    async def _exchange(self, name: str, shown: str, peer: Peer, proves: _Proves) -> Exchanged:
        keys = {"address": neighbourhood(peer.address)}
        try:
            self._throttle.check(keys, self._seconds())
            machine, principal, proof = await self._proved(name, shown, proves)
        except _Wrong as wrong:
            self._throttle.failed(keys, self._seconds())
            await self._note_refused(str(wrong), name, peer)
            raise Refused(WRONG) from None
        except TooMany:
            if news := self._throttle.news(keys, self._seconds()):
                await self._note_refused(news, name, peer)
            raise
        return await self._hand_out(machine, principal, proof)

    async def _proved(self, name: str, shown: str, proves: _Proves) -> tuple[Machine, Principal, _Proof]:
        machine = self._machines.get(name)
        if machine is None:
            raise _Wrong("no machine of this name is in the configuration, or it is disabled")
        proof = await proves(machine, shown)
        principal = self._find(machine.id)
        if principal is None:
            raise _Wrong(f"it is locked, or its owner {machine.owner} is unknown, disabled or locked")
        return machine, principal, proof

    async def _shows_secret(self, machine: Machine, secret: str) -> _Proof:
        if machine.issuer:
            raise _Wrong("it signs in with tokens of its issuer, and has no secret")
        now = self._clock.now()
        row = await opens(secret, self._kept.token)
        if row is None or row.person != machine.id:
            raise _Wrong("the secret is none, or not that of this machine")
        if row.revoked or (row.expires_at is not None and now >= row.expires_at):
            raise _Wrong(f"the secret {row.id} was revoked or has expired")
        if row.used_at is None or not timedelta() <= now - row.used_at < _NOTED:
            await self._kept.token_used(row.id, now)
        return _Proof("secret", f"secret {row.id}", row.id, row.id, row.expires_at)

    async def _shows_job_token(self, machine: Machine, token: str) -> _Proof:
        verifier = self._verifiers(machine.issuer) if machine.issuer and machine.audience else None
        if verifier is None:
            raise _Wrong("it does not sign in with tokens of an issuer")
        if not token or len(token) > LONGEST_TOKEN:
            raise _Wrong("there is no token, or it is too long")
        try:
            claims = await verifier.verify(token, machine.audience)
        except Refused as refused:
            raise _Wrong(refused.sentence) from None
        if reason := job_claims.why_not(machine.claims, claims):
            raise _Wrong(reason)
        now = self._clock.now().timestamp()
        until = job_claims.remember_until(claims, now)
        if until is None:
            raise _Wrong("the token does not say that it expires within a day")
        if not self._used.take(job_claims.identity_of(token, machine.issuer, claims), until, now):
            raise _Wrong("the token was used before")
        return _Proof(
            f"token of {machine.issuer}",
            f"job token of {machine.issuer}",
            job_claims.shown(machine.claims, claims),
        )

    async def _hand_out(self, machine: Machine, principal: Principal, proof: _Proof) -> Exchanged:
        now = self._clock.now()
        ends_at = min(filter(None, (now + machine.ttl, proof.ends_at)))
        minted = mint(machine.id, frozenset(), now, ends_at, actor=machine.id, kind=KIND, parent=proof.parent)
        await self._kept.add_token(minted.row, minted.event)
        await self._kept.append(
            MachineExchanged(
                actor=machine.id,
                person=machine.id,
                how=proof.how,
                owner=machine.owner,
                token=minted.row.id,
                detail=proof.detail,
            )
        )
        here = replace(
            principal,
            method=proof.method,
            token=minted.row.id,
            token_kind=KIND,
            expires_at=ends_at,
        )
        return Exchanged(minted.token, minted.row, here)

    async def _note_refused(self, why: str, name: str, peer: Peer) -> None:
        login = machine_id(name) if _NAME.fullmatch(name) else "(not a name)"
        await self._kept.append(
            SignInRefused(reason=why, address=peer.address, login=login, client=plain(peer.client, 128))
        )

    def _seconds(self) -> float:
        return self._clock.monotonic_us() / 1e6
