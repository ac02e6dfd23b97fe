"""Everybody who may come in, and whether they still may: people of the configuration, of providers, and machines.

What the register says of people, locks and revocations is remembered here, so that asking costs nothing; `refresh`
looks whether the register has changed. Nobody proves anything here: what was shown has been checked by then.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.core.errors import Refused
from gateway.core.events import PersonKept
from gateway.core.people import Known, Principal
from gateway.core.ports import Clock, LockRow, PersonRow, Register
from gateway.identity.ssh_keys import KeyIdentities

REMEMBERED = timedelta(days=31)
"""Of what was revoked, as much is remembered. Nothing that expires lasts longer than that."""

BY_CERTIFICATE = frozenset({"ssh-certificate", "x509-certificate"})
"""The methods that name a certificate by its serial number."""

RolesOf = Callable[[frozenset[str]], frozenset[str]]
"""The roles that groups bring."""


@dataclass(frozen=True, slots=True)
class Configured:
    """Somebody whom the configuration names."""

    principal: Principal
    keys: tuple[str, ...] = ()
    link: tuple[str, str] | None = None
    """Issuer and subject of a provider's identity that is theirs, too."""
    owner: str = ""
    """Set for machines: the name of who answers for it."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a provider has said of somebody who signed in there."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    sealed: bytes = b""


class Directory:
    """Who there is. Whoever is locked, disabled or unknown is nobody."""

    def __init__(self, register: Register, clock: Clock) -> None:
        self._register = register
        self._clock = clock
        self._roles_of: RolesOf = lambda groups: frozenset()
        self._keys = KeyIdentities()
        self._configured: Mapping[str, Configured] = {}
        self._links: Mapping[tuple[str, str], str] = {}
        self._names: Mapping[str, str] = {}
        self._people: dict[str, PersonRow] = {}
        self._locks: Mapping[str, LockRow] = {}
        self._dead_tokens: frozenset[str] = frozenset()
        self._dead_certificates: frozenset[int] = frozenset()
        self._version = -1

    # What is remembered.

    def replace(self, configured: Iterable[Configured], roles_of: RolesOf) -> None:
        """Know these people of the configuration from now on. Raises `Misconfigured`, and then nothing changes."""
        everybody = list(configured)
        self._keys.replace({each.principal: each.keys for each in everybody if not each.owner})
        self._configured = {each.principal.id: each for each in everybody}
        self._links = {each.link: each.principal.id for each in everybody if each.link}
        self._names = {each.principal.name.casefold(): each.principal.id for each in everybody}
        self._roles_of = roles_of

    async def refresh(self) -> bool:
        """Look whether the register has changed. True: it has, and so may have who may come in. Raises `Fault`."""
        version = await self._register.people_version()
        if version == self._version:
            return False
        since = self._clock.now() - REMEMBERED
        people, locks = await self._register.people(), await self._register.locks()
        tokens, certificates = await self._register.revoked(since)
        self._people = {row.id: row for row in people}
        self._locks = {lock.person: lock for lock in locks}
        self._dead_tokens, self._dead_certificates = frozenset(tokens), frozenset(certificates)
        self._version = version
        return True

    # Who is it?

    def find(self, id: str) -> Principal | None:
        """The person with this id as they are now."""
        if id in self._locks:
            return None
        known = self._configured.get(id)
        if known is not None:
            if known.owner and self.named(known.owner) is None:
                return None
            if known.link and (vouched := self._people.get("#".join(known.link))) and vouched.gone:
                return None
            return self._configured_as(known)
        row = self._people.get(id)
        if row is None or row.gone or self.person_of(row) != row.id or self._is_taken(row.name):
            return None
        return self._with_roles(self._vouched(row))

    def behind(self, id: str) -> str:
        """The id of the person who this is, or who answers for it: somebody of a provider who is linked to somebody
        of the configuration is them, and a machine is its owner."""
        machine = self._configured.get(id)
        if machine is not None and machine.owner:
            folded = machine.owner.casefold()
            rows = (row.id for row in self._people.values() if row.name.casefold() == folded)
            return self._names.get(folded) or next(rows, machine.owner)
        row = self._people.get(id)
        return self.person_of(row) if row else id

    def named(self, name: str) -> Principal | None:
        """The person of this name, however it is capitalised."""
        folded = name.casefold()
        if folded in self._names:
            return self.find(self._names[folded])
        found = next((row.id for row in self._people.values() if row.name.casefold() == folded), None)
        return self.find(found) if found else None

    def still(self, principal: Principal) -> Principal | None:
        """Whoever came in with something, as they are now. None: it opens nothing any more, or not for them."""
        person = self.find(principal.id)
        if person is None:
            return None
        how, _, what = principal.method.partition(" ")
        if how == "ssh-key":
            return self._keys.still(principal) and self._as_before(person, principal)
        if how in BY_CERTIFICATE and int(what) in self._dead_certificates:
            return None
        if principal.token in self._dead_tokens:
            return None
        return self._as_before(person, principal)

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        """Who holds this key?"""
        found = await self._keys.by_ssh_key(openssh, fingerprint)
        person = self.find(found.id) if found else None
        return replace(person, method=found.method) if found and person else None

    async def welcome(self, vouched: Vouched) -> Principal:
        """Whoever a provider vouches for, kept. Raises `Refused`, and `Fault`."""
        linked = self._links.get((vouched.issuer, vouched.subject))
        id = f"{vouched.issuer}#{vouched.subject}"
        if linked is None and vouched.name.casefold() in self._names:
            raise Refused(
                "sign-in refused: your name is somebody else's here - ask your platform team to link the two"
            )
        before, now = self._people.get(id), self._clock.now()
        row = PersonRow(
            id,
            vouched.issuer,
            vouched.subject,
            vouched.name if linked is None else f"{vouched.issuer}#{vouched.subject}",
            vouched.groups,
            before.created_at if before else now,
            now,
            vouched.sealed or (before.sealed if before else b""),
        )
        changed = before is None or before.gone or (before.name, before.groups) != (row.name, row.groups)
        event = PersonKept(
            actor=id,
            person=vouched.name,
            issuer=row.issuer,
            subject=row.subject,
            groups=sorted(row.groups),
        )
        if not await self._register.keep_person(row, event if changed else None):
            raise Refused("sign-in refused: your name is somebody else's here - ask your platform team")
        self._people[id] = row
        person = self.find(linked or id)
        if person is None:
            raise Refused("sign-in refused: you are locked out - ask your platform team")
        return person

    async def vouch_no_more(self, row: PersonRow) -> None:
        """Their provider was asked again, and said no. Raises `Fault`."""
        gone = replace(row, sealed=b"", gone=True)
        event = PersonKept(
            person=row.name, issuer=row.issuer, subject=row.subject, groups=sorted(row.groups), gone=True
        )
        await self._register.keep_person(gone, event)
        self._people[row.id] = gone

    async def look_up(self, row: PersonRow) -> PersonRow | None:
        """The same somebody as the register has them now: another gateway may have asked their provider since, and
        have got something else to ask again with. Raises `Fault`."""
        fresh = await self._register.person(row.id)
        if fresh is not None:
            self._people[row.id] = fresh
        return fresh

    # Everybody, for lists and for asking providers again.

    async def everybody(self) -> list[Known]:
        """Everybody there is, by what the register says now: whoever is locked, too. Raises `Fault`. Nothing of it is
        remembered: that is for `refresh`, whose caller has to hear of every change."""
        rows = await self._register.people()
        checked = {self.person_of(row): row.checked_at for row in rows}
        known = [
            Known(self._configured_as(each), checked_at=checked.get(id), owner=each.owner)
            for id, each in self._configured.items()
        ]
        return known + [
            Known(self._with_roles(self._vouched(row)), row.issuer, row.checked_at, gone=row.gone)
            for row in rows
            if self.person_of(row) == row.id
        ]

    def rows(self) -> list[PersonRow]:
        """Everybody of a provider who was ever here."""
        return list(self._people.values())

    def person_of(self, row: PersonRow) -> str:
        """The id of who this is here: somebody of the configuration, where they are linked."""
        return self._links.get((row.issuer, row.subject), row.id)

    def _is_taken(self, name: str) -> bool:
        """Somebody of the configuration is called so: whoever had this name before them has it no longer."""
        return name.casefold() in self._names

    def _vouched(self, row: PersonRow) -> Principal:
        name = row.id if self._is_taken(row.name) else row.name
        return Principal(row.id, name, row.groups)

    def _configured_as(self, known: Configured) -> Principal:
        """A machine has groups for the rules; they bring it no roles."""
        return known.principal if known.owner else self._with_roles(known.principal)

    def _with_roles(self, person: Principal) -> Principal:
        return replace(person, roles=person.roles | {"person"} | self._roles_of(person.groups))

    def _as_before(self, person: Principal, before: Principal) -> Principal:
        """As they are now, with what was shown: that narrows what they may, it never widens it."""
        return replace(
            before,
            name=person.name,
            groups=person.groups,
            roles=person.roles & before.roles if before.token else person.roles,
        )
