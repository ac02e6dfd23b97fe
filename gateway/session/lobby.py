"""The Lobby: who are you, and which target do you want? Its answer is a Gate.

Everybody comes through here, whatever their protocol. It does not judge operations: entering a session only
means that there is a recording and an audit entry; the Gate then judges what is asked.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NoReturn, Protocol

from gateway.core.accounts import account_for
from gateway.core.errors import Fault, Refused
from gateway.core.events import SessionOpened, SignedIn, SignInRefused
from gateway.core.ids import new_session_id
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.plain import plain
from gateway.core.ports import Blobs, BlobWriter, Bus, Clock, Hint, Ledger
from gateway.core.secret import Secret
from gateway.recording.writer import RecordingWriter
from gateway.session import words
from gateway.session.approvals import Notice
from gateway.session.arrival import arrive
from gateway.session.gate import Gate, Keepsake
from gateway.session.live import LiveSessions
from gateway.session.organs import Organs
from gateway.session.recorder import Recorder
from gateway.session.tenure import Tenures

log = logging.getLogger("hoop.session")


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key whose private half the person has just proved to hold."""

    openssh: str
    fingerprint: str
    login: str


@dataclass(frozen=True, slots=True)
class SshCertificate:
    """An SSH certificate, whose key the person has just proved to hold."""

    openssh: str
    serial: int
    login: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody who is known already: they have confirmed in a browser that it is they who stand at this door, or came
    to it through a connection of their own."""

    principal: Principal
    login: str
    browser: Peer | None = None


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An API token as presented."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class DatabaseToken:
    """A token as presented in place of a database's password. `noted`: that it is refused is written down; there may
    be so many that one entry stands for all."""

    secret: Secret
    login: str
    noted: bool = True


@dataclass(frozen=True, slots=True)
class X509Certificate:
    """An X.509 certificate, whose key the person has just proved to hold."""

    der: bytes
    login: str
    noted: bool = True


Credential = SshKey | SshCertificate | Confirmed | BearerToken | DatabaseToken | X509Certificate


class Identities(Protocol):
    """Knows people by what they present. None: not known, disabled, expired or revoked."""

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None: ...
    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        """It may also raise `Refused`, with a sentence that is for the audit alone."""
        ...

    async def by_token(self, token: str) -> Principal | None: ...

    def still(self, principal: Principal) -> Principal | None:
        """The same person as they are now: a connection may be older than what is known of its person."""
        ...


class DatabaseIdentities(Protocol):
    """Knows people by what they present to databases. Both raise `Refused`, with a sentence that whoever holds what
    they presented may know."""

    async def by_database_token(self, token: str) -> Principal: ...
    async def by_x509(self, der: bytes, address: str) -> Principal: ...


class Inventory(Protocol):
    """Knows targets by name. Patterns are its business; a name has one target or none."""

    def find(self, name: str) -> Target | None: ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the Lobby needs from outside. `identities` and `inventory` are asked each time: reload is theirs."""

    ledger: Ledger
    blobs: Blobs
    bus: Bus
    clock: Clock
    identities: Identities
    inventory: Inventory
    databases: DatabaseIdentities | None = None


class Lobby:
    """Identifies people and opens sessions."""

    def __init__(
        self,
        rooms: Rooms,
        organs: Organs,
        live: LiveSessions,
        *,
        max_sessions: int = 1000,
        max_sessions_per_person: int = 200,
    ) -> None:
        self._rooms = rooms
        self._organs = organs
        self._live = live
        self._tenures = Tenures(rooms.ledger, rooms.bus, rooms.clock, organs.approvals)
        self._max_sessions = max_sessions
        self._max_sessions_per_person = max_sessions_per_person
        self._entering: Counter[str] = Counter()
        """Sessions that are about to open, by their person's id: they take places, too."""

    async def identify(self, credential: Credential, peer: Peer) -> Principal:
        """Who is this? Raises `Refused`. Sign-ins are audited either way; calls with a token only when refused,
        because a screen makes several a second."""
        if isinstance(credential, DatabaseToken | X509Certificate):
            return await self._identify_for_databases(credential, peer)
        why = ""
        match credential:
            case SshKey():
                method, login, browser = f"ssh-key {credential.fingerprint}", credential.login, ""
                principal = await self._rooms.identities.by_ssh_key(
                    credential.openssh, credential.fingerprint
                )
            case SshCertificate():
                method, login, browser = f"ssh-certificate {credential.serial}", credential.login, ""
                try:
                    principal = await self._rooms.identities.by_certificate(credential.openssh, peer.address)
                except Refused as problem:
                    principal, why = None, f": {problem.sentence}"
            case Confirmed():
                method, login = credential.principal.method, credential.login
                browser = credential.browser.address if credential.browser else ""
                principal = self._rooms.identities.still(credential.principal)
            case BearerToken():
                method, login, browser = "token", "", ""
                token = credential.secret.expose().decode("ascii", "replace")
                principal = await self._rooms.identities.by_token(token)
        if principal is None:
            await self._rooms.ledger.append(_not_known(f"unknown {method}{why}", login, peer))
            raise Refused("sign-in refused: this key or token is not known here")
        if not isinstance(credential, BearerToken):
            await self._rooms.ledger.append(_known(principal, method, peer, browser))
        return principal

    async def _identify_for_databases(
        self, credential: DatabaseToken | X509Certificate, peer: Peer
    ) -> Principal:
        """The same for what is presented to databases. Whoever is refused may know why: they hold it."""
        known = self._rooms.databases
        try:
            if known is None:
                raise Refused("databases are not offered on this gateway")
            if isinstance(credential, DatabaseToken):
                token = credential.secret.expose().decode("ascii", "replace")
                principal = await known.by_database_token(token)
            else:
                principal = await known.by_x509(credential.der, peer.address)
        except Refused as problem:
            if credential.noted:
                await self._rooms.ledger.append(_not_known(problem.sentence, credential.login, peer))
            raise
        await self._rooms.ledger.append(_known(principal, principal.method, peer, ""))
        return principal

    async def note_burst(self, what: str, peer: Peer, login: str) -> None:
        """Audit failed sign-ins of which there are too many to write each of them down. Raises `Fault`."""
        await self._rooms.ledger.append(_not_known(what, login, peer))

    async def enter(
        self,
        principal: Principal,
        target: str,
        login: str,
        peer: Peer,
        about: Mapping[str, Any] | None = None,
        *,
        kind: str = "",
    ) -> Gate:
        """Open a session: its recording exists and `session.opened` is durable when this returns. `about` goes into
        the recording's header (pty, cols, rows, term, command). `kind`: how somebody comes, where that is not the
        target's own protocol; the session is one of that kind then. Raises `Refused` or `Fault`."""
        asked = f"{login}%{target}" if login else target
        known = self._rooms.identities.still(principal)
        if known is None:
            await self._turn_away(principal, peer, asked, "you are not known here any more")
        principal = known
        if principal.expires_at is not None and self._rooms.clock.now() >= principal.expires_at:
            await self._turn_away(principal, peer, asked, "your sign-in has expired - sign in again")
        found = self._rooms.inventory.find(target)
        if found is not None and principal.targets and found.name not in principal.targets:
            found = None
        if found is None:
            unknown = f'there is no target "{plain(target, 64)}" for you - ask your platform team'
            await self._turn_away(principal, peer, asked, unknown)
        try:
            account = account_for(found, principal, login)
        except Refused as not_offered:
            await self._turn_away(principal, peer, asked, not_offered.sentence)
        if no_room := self._no_room_for(principal.id):
            await self._turn_away(principal, peer, asked, no_room)
        reached = replace(found, kind=kind or found.kind)
        session = Session(new_session_id(), principal, reached, peer, self._rooms.clock.now(), account)
        self._entering[principal.id] += 1
        try:
            return await self._open(session, dict(about or {}))
        finally:
            self._entering -= Counter({principal.id: 1})

    async def welcome(self, gate: Gate, notice: Notice, *, waits: bool = True) -> None:
        """Whether this session may go on: rules that name `connect` may block it, or keep it waiting until people
        have decided; `notice` gets what the person should hear meanwhile. Not `waits`: their client can not. Nothing
        goes to the target before this returns, and the session ends when what they granted does. Raises `Denied` or
        `Fault`."""
        permit = await arrive(gate, notice, waits=waits)
        if permit is not None and permit.request:
            await self._tenures.begin(gate, permit.request)

    def _no_room_for(self, person: str) -> str:
        """Why no further session of this person may open; empty where it may."""
        if len(self._live) + self._entering.total() >= self._max_sessions:
            return "too many sessions are open on this gateway - try again later"
        if self._live.count(person) + self._entering[person] >= self._max_sessions_per_person:
            return "too many of your sessions are open - end some of them first"
        return ""

    async def _turn_away(self, principal: Principal, peer: Peer, asked: str, sentence: str) -> NoReturn:
        refused = SignInRefused(
            actor=principal.id,
            reason=sentence,
            address=peer.address,
            login=plain(asked, 128),
            client=plain(peer.client, 128),
        )
        await self._rooms.ledger.append(refused)
        raise Refused(sentence)

    async def _open(self, session: Session, about: Mapping[str, Any]) -> Gate:
        key = f"{session.started_at:%Y/%m/%d}/{session.id}.hrec"
        try:
            recorder = Recorder(
                session.id,
                RecordingWriter(_meta(session, about)),
                await self._rooms.blobs.create(key),
                self._rooms.bus,
                self._rooms.clock,
            )
            await recorder.start()
        except Fault as problem:
            log.error("session %s can not be recorded: %s", session.id, problem.sentence)
            raise Fault(words.NEVER_RECORDED) from problem
        try:
            await self._rooms.ledger.append(_opened(session, key))
        except Fault as problem:
            await recorder.close([])
            raise Fault(words.NOT_AUDITED) from problem
        gate = Gate(
            session,
            recorder,
            self._organs,
            terminal=bool(about.get("pty")),
            keepsake=self._keepsake_of(key),
            leave=lambda: self._live.leave(session.id),
        )
        self._live.enter(gate)
        try:
            await self._rooms.bus.publish(Hint("session", session.id))
        except BaseException:
            await gate.close("fault", {"reason": "fault"})
            raise
        return gate

    def _keepsake_of(self, key: str) -> Keepsake:
        numbers = count(1)

        async def keepsake() -> tuple[str, BlobWriter]:
            beside = f"{key.removesuffix('.hrec')}.kept/{next(numbers)}"
            return beside, await self._rooms.blobs.create(beside)

        return keepsake


def _known(principal: Principal, method: str, peer: Peer, browser: str) -> SignedIn:
    return SignedIn(
        actor=principal.id,
        person=principal.name,
        method=method,
        address=peer.address,
        client=plain(peer.client, 128),
        browser=browser,
    )


def _not_known(reason: str, login: str, peer: Peer) -> SignInRefused:
    return SignInRefused(
        reason=reason, address=peer.address, login=plain(login, 128), client=plain(peer.client, 128)
    )


def _meta(session: Session, about: Mapping[str, Any]) -> dict[str, Any]:
    database = session.target.options.get("database")
    return {
        **about,
        **({"database": database} if database else {}),
        "session": session.id,
        "person": session.principal.name,
        "groups": sorted(session.principal.groups),
        "target": session.target.name,
        "kind": session.target.kind,
        "login": session.login,
        "labels": dict(session.target.labels),
        "address": session.peer.address,
        "client": session.peer.client,
        "started_at": session.started_at.isoformat(),
    }


def _opened(session: Session, key: str) -> SessionOpened:
    return SessionOpened(
        session=session.id,
        actor=session.principal.id,
        person=session.principal.name,
        groups=sorted(session.principal.groups),
        target=session.target.name,
        kind=session.target.kind,
        login=session.login,
        address=session.peer.address,
        client=session.peer.client,
        labels=dict(session.target.labels),
        recording=key,
    )
