"""The desk: where people and machines sign in, and are given what they go on with. `gateway.api.services.Desk`.

It puts the rooms of identity together and writes down what it hands out, before it does. Who somebody is, they
decide; what somebody may do with it, `gateway.api.rights`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from gateway.api.schema import (
    CertificateAsked,
    DatabaseTokenAsked,
    MachineAsked,
    PasswordGiven,
    SignedInToken,
    SshCertificate,
)
from gateway.api.schema_databases import (
    DatabaseCertificate,
    DatabaseCertificateAsked,
    DatabasePassword,
    DatabasePlace,
)
from gateway.api.services import Issuer
from gateway.app.people import People
from gateway.app.providers import Providers
from gateway.app.settings import Settings
from gateway.core.errors import Refused
from gateway.core.events import SignedIn, SignInRefused, TokenRevoked
from gateway.core.people import Peer, Principal, Target
from gateway.core.plain import plain
from gateway.core.ports import Clock, Ledger
from gateway.identity.authority import Authority
from gateway.identity.local import LocalPeople
from gateway.identity.machines import Machines
from gateway.identity.signing import PersonSigner
from gateway.identity.tokens import DATABASE, Minted, mint, renewed
from gateway.identity.x509_signing import ClientSigner, public_key_of, requested_key

if TYPE_CHECKING:
    from gateway.identity.oidc.journey import Journey

log = logging.getLogger("hoop.identity")

DEVICE = "device"
SSH = "ssh"
"""The kind of target that takes no password."""
SIGN_IN = "login"
"""The kind of token that somebody gets who signs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this gateway is, as people's programs need to know it."""

    name: str
    hosts: Sequence[str]
    """What the host certificate is for."""
    ssh_host: str
    ssh_port: Callable[[], int]
    postgres_host: str = ""
    postgres_port: Callable[[], int] = lambda: 0
    own_certificate: bool = True
    """The listener for databases shows a certificate of the gateway's own authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who stands behind the desk."""

    people: People
    providers: Providers
    local: LocalPeople
    machines: Machines
    signer: PersonSigner
    host_authority: Authority
    client_signer: ClientSigner


class FrontDesk:
    """One per gateway. `settings` are those in force; a reload replaces them."""

    def __init__(
        self,
        staff: Staff,
        ledger: Ledger,
        clock: Clock,
        place: Place,
        settings: Settings,
        find: Callable[[str], Target | None],
    ) -> None:
        self._staff = staff
        self._ledger = ledger
        self._clock = clock
        self._place = place
        self._find = find
        self._local = False
        self.settings = settings

    @property
    def issuers(self) -> Sequence[Issuer]:
        """The providers that people can choose from."""
        return [Issuer(issuer.name, issuer.shown) for issuer in self.settings.issuer]

    @property
    def local(self) -> bool:
        """Is there anybody who signs in with a password?"""
        return self._local

    @property
    def is_open(self) -> bool:
        """Can anybody sign in here at all?"""
        return bool(self.settings.issuer) or self._local

    async def look_around(self) -> None:
        """See whether anybody has a password now. Raises `Fault`."""
        names = [person.name for person in self.settings.person if not person.disabled]
        rows = [await self._ledger.password(name) for name in names]
        self._local = any(row is not None and row.phc for row in rows)

    # Who is it?

    async def begin(self, issuer: str, callback: str) -> "Journey":
        """Start at this provider, which sends the browser back to `callback`; of several, each to its own place below
        it, so that none can pass off the answer of another. Raises `Refused`, `Fault`."""
        if len(self.settings.issuer) > 1:
            callback = f"{callback}/{issuer}"
        return await self._staff.providers.named(issuer).begin(callback)

    async def finish(self, journey: "Journey", query: Mapping[str, str], browser: Peer) -> Principal:
        """Who came back? Raises `Refused`, `Fault`."""
        provider = self._staff.providers.at(journey.issuer)
        try:
            vouched = await provider.finish(journey, query)
            person = await self._staff.people.directory.welcome(self._staff.providers.kept(vouched))
        except Refused as refused:
            await self._refuse(refused.sentence, browser, f"at {provider.issuer.name}")
        return replace(person, method=f"oidc {provider.issuer.name}")

    async def by_password(self, given: PasswordGiven, peer: Peer) -> Principal:
        """A local person. Raises `Refused`, `Fault`."""
        id = await self._staff.local.sign_in(given.name, given.password, given.otp, peer)
        person = self._staff.people.directory.find(id)
        if person is None:
            await self._refuse("locked since", peer, given.name)
        return replace(person, method="password")

    async def by_machine(self, asked: MachineAsked, peer: Peer) -> SignedInToken:
        """A machine, with its secret or with the token of its job. Raises `Refused`, `Fault`."""
        if asked.subject_token:
            given = await self._staff.machines.by_job_token(asked.machine, asked.subject_token, peer)
        else:
            given = await self._staff.machines.by_secret(asked.machine, asked.client_secret, peer)
        assert given.row.expires_at is not None
        return SignedInToken(
            token=given.token,
            id=given.row.id,
            person=given.principal.name,
            roles=sorted(given.principal.roles),
            expires_at=given.row.expires_at,
            gateway=self._place.name,
        )

    # What they go on with.

    async def issue(self, who: Principal, peer: Peer, how: str, browser: Peer | None = None) -> SignedInToken:
        """A login token. Raises `Refused`, `Fault`."""
        person = self._staff.people.still(who)
        if person is None:
            await self._refuse("locked since", peer, who.name)
        roles, note = person.roles, ""
        if how == DEVICE:
            roles = person.roles & frozenset(self.settings.login.device_roles)
            note = _left_out(person.roles - roles)
        if not roles:
            await self._refuse(f"no role of {person.name} can be had by {how}", peer, who.name)
        await self._ledger.append(_signed_in(person, peer, browser))
        minted = mint(
            person.id,
            roles if how == DEVICE else frozenset(),
            self._clock.now(),
            self._clock.now() + self.settings.login.session_ttl,
            actor=person.id,
            kind=SIGN_IN,
            label=plain(peer.client, 64),
        )
        return await self._hand_out(minted, person, roles, note)

    async def refresh(self, who: Principal, peer: Peer) -> SignedInToken:
        """The same sign-in with another secret and a later end, where their provider still vouches. Raises `Refused`,
        `Fault`. What was made with it stays."""
        row = await self._ledger.token(who.token)
        if row is None or not await self._staff.providers.vouch_again(who, self._staff.people.directory):
            await self._refuse("nobody vouches for a sign-in that is to go on", peer, who.name)
        person = self._staff.people.still(who)
        if person is None:
            await self._refuse("locked since", peer, who.name)
        until = self._clock.now() + self.settings.login.session_ttl
        fresh = renewed(row, until)
        if not await self._ledger.renew_token(row.id, row.digest, fresh.digest, until, fresh.event):
            await self._refuse("the token was renewed or revoked at the same time", peer, who.name)
        return SignedInToken(
            token=fresh.token,
            id=row.id,
            person=person.name,
            roles=sorted(person.roles),
            expires_at=until,
            gateway=self._place.name,
        )

    async def logout(self, who: Principal) -> None:
        """End the token that `who` called with, and what was made with it. Raises `Fault`."""
        if who.token:
            await self._ledger.revoke_token(
                who.token, TokenRevoked(actor=who.id, token=who.token, reason="signed out")
            )

    async def certify(self, who: Principal, asked: CertificateAsked, peer: Peer) -> SshCertificate:
        """A certificate for an SSH key. Raises `Refused`, `Fault`."""
        bound = asked.bind_address or self.settings.login.bind_certificates
        ttl = self._certificate_ttl(who)
        signed = self._staff.signer.sign(
            who, asked.public_key, ttl, address=peer.address if bound else "", token=who.token
        )
        await self._ledger.add_certificate(signed.row, signed.event)
        return SshCertificate(
            certificate=signed.certificate,
            serial=str(signed.row.serial),
            expires_at=signed.row.expires_at,
            person=who.name,
            host_authorities=[key.openssh for key in self._staff.host_authority.trusted()],
            hosts=list(self._place.hosts),
            ssh_host=self._place.ssh_host,
            ssh_port=self._place.ssh_port(),
        )

    def _certificate_ttl(self, who: Principal) -> timedelta:
        ttl = self.settings.login.certificate_ttl
        if who.token_kind != SIGN_IN and who.expires_at is not None:  # a sign-in renews itself
            ttl = min(ttl, who.expires_at - self._clock.now())
        return ttl

    async def database_token(self, who: Principal, asked: DatabaseTokenAsked, peer: Peer) -> DatabasePassword:
        """A short-lived password for one target. Raises `Refused`, `Fault`."""
        target = self._find(asked.target)
        if target is None or (who.targets and target.name not in who.targets):
            await self._refuse(f'there is no target "{plain(asked.target, 64)}" for you', peer, who.name)
        if target.kind == SSH:
            await self._refuse(f"{target.name} is reached over ssh, which takes no password", peer, who.name)
        token = await self._database_token(who, target.name, plain(asked.label, 64), asked.ttl)
        return DatabasePassword(**token.model_dump(), place=self._databases())

    async def oauth_token(
        self, who: Principal, target: str, peer: Peer, browser: Peer | None
    ) -> SignedInToken:
        """The same for somebody whose client signs in by itself; `target` is empty for all that they may. Raises
        `Refused`, `Fault`."""
        person = self._staff.people.still(who)
        if person is None:
            await self._refuse("locked since", peer, who.name)
        if "person" not in person.roles & frozenset(self.settings.login.device_roles):
            await self._refuse(f"no role of {person.name} can be had by {DEVICE}", peer, who.name)
        found = self._find(target) if target else None
        if target and (found is None or found.kind == SSH):
            await self._refuse(f'there is no database "{plain(target, 64)}" for you', peer, who.name)
        await self._ledger.append(_signed_in(person, peer, browser))
        return await self._database_token(person, found.name if found else "", plain(peer.client, 64))

    async def database_certificate(
        self, who: Principal, asked: DatabaseCertificateAsked, peer: Peer
    ) -> DatabaseCertificate:
        """A certificate that databases know somebody by. Raises `Refused`, `Fault`."""
        key = requested_key(asked.csr) if asked.csr else public_key_of(asked.public_key)
        bound = asked.bind_address or self.settings.login.bind_certificates
        signed = self._staff.client_signer.sign(
            who, key, self._certificate_ttl(who), address=peer.address if bound else "", token=who.token
        )
        await self._ledger.add_certificate(signed.row, signed.event)
        return DatabaseCertificate(
            certificate=signed.certificate,
            serial=str(signed.row.serial),
            expires_at=signed.row.expires_at,
            person=who.name,
            place=self._databases(),
        )

    def _databases(self) -> DatabasePlace:
        trusted = self._staff.client_signer.trusted if self._place.own_certificate else ""
        port = self._place.postgres_port()
        return DatabasePlace(host=self._place.postgres_host if port else "", port=port, authorities=trusted)

    async def _database_token(
        self, who: Principal, target: str, label: str, seconds: int = 0
    ) -> SignedInToken:
        longest = self.settings.login.database_ttl
        ttl = min(longest, timedelta(seconds=seconds)) if seconds else longest
        now = self._clock.now()
        until = min(filter(None, (now + ttl, who.expires_at)))
        minted = mint(
            who.id,
            frozenset({"person"}),
            now,
            until,
            actor=who.id,
            kind=DATABASE,
            target=target,
            label=label,
            parent=who.token,
        )
        return await self._hand_out(minted, who, frozenset({"person"}), "")

    async def _hand_out(
        self, minted: Minted, who: Principal, roles: frozenset[str], note: str
    ) -> SignedInToken:
        await self._ledger.add_token(minted.row, minted.event)
        assert minted.row.expires_at is not None
        return SignedInToken(
            token=minted.token,
            id=minted.row.id,
            person=who.name,
            roles=sorted(roles),
            expires_at=minted.row.expires_at,
            gateway=self._place.name,
            note=note,
        )

    async def _refuse(self, why: str, peer: Peer, login: str) -> NoReturn:
        refused = SignInRefused(
            reason=plain(why, 200),
            address=peer.address,
            login=plain(login, 128),
            client=plain(peer.client, 128),
        )
        await self._ledger.append(refused)
        raise Refused(why if why.startswith("sign-in") else f"sign-in refused: {why}")


def _signed_in(person: Principal, peer: Peer, browser: Peer | None) -> SignedIn:
    return SignedIn(
        actor=person.id,
        person=person.name,
        method=person.method,
        address=peer.address,
        client=plain(peer.client, 128),
        browser=browser.address if browser else "",
    )


def _left_out(roles: frozenset[str]) -> str:
    if not roles:
        return ""
    return (
        f"without {', '.join(sorted(roles))}: that takes a browser on the same machine - run: hoop-tui login"
    )
