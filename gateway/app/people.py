"""Everybody who may come in, put together from the configuration and the register; and what they may show.

The rooms of identity each know one thing that people show; this is where they become one answer. A reload replaces
what comes from the configuration.
"""

from collections.abc import Collection

from gateway.app.settings import Settings
from gateway.app.settings_people import MachineTable, Person
from gateway.core.people import Principal
from gateway.core.ports import Clock, Register
from gateway.identity.authority import Authority
from gateway.identity.certificates import CertificateIdentities
from gateway.identity.directory import Configured, Directory
from gateway.identity.machine_secrets import machine_id
from gateway.identity.tokens import FOR_THE_API, TokenIdentities
from gateway.identity.x509_authority import X509Authority
from gateway.identity.x509_people import X509Identities


class People:
    """`session.lobby.Identities` and `DatabaseIdentities`, by whatever people show. Whoever is disabled or locked is
    nobody."""

    def __init__(
        self,
        settings: Settings,
        register: Register,
        clock: Clock,
        authority: Authority,
        databases: X509Authority,
    ) -> None:
        """The authorities are those whose certificates let people in: over SSH, and to databases."""
        self.directory = Directory(register, clock)
        self.tokens = TokenIdentities(register, clock, self.directory.find)
        self._certificates = CertificateIdentities(authority, register, clock, self.directory.find)
        self._x509 = X509Identities(databases, register, clock, self.directory.find)
        self.replace(settings)

    def replace(self, settings: Settings) -> None:
        """Know what this configuration says of people from now on."""
        issuers = {issuer.name: issuer.url for issuer in settings.issuer}
        people = [_person(person, issuers) for person in settings.person if not person.disabled]
        machines = [_machine(machine) for machine in settings.machine if not machine.disabled]
        self.directory.replace([*people, *machines], settings.roles.of)

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        """Who holds this key?"""
        return await self.directory.by_ssh_key(openssh, fingerprint)

    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        """For whom was this certificate made, and may it be used from there?"""
        return await self._certificates.by_certificate(openssh, address)

    async def by_token(self, token: str, kinds: Collection[str] = FOR_THE_API) -> Principal | None:
        """Who was this token made for?"""
        return await self.tokens.by_token(token, kinds)

    async def by_database_token(self, token: str) -> Principal:
        """Who was this password for databases made for?"""
        return await self.tokens.by_database_token(token)

    async def by_x509(self, der: bytes, address: str) -> Principal:
        """For whom was this certificate for databases made, and may it be used from there?"""
        return await self._x509.by_x509(der, address)

    def still(self, principal: Principal) -> Principal | None:
        """Whoever came in, as they are now. None: they may not come in any more."""
        return self.directory.still(principal)


def _person(person: Person, issuers: dict[str, str]) -> Configured:
    link = None
    if person.issuer is not None and person.subject is not None:
        link = (issuers[person.issuer], person.subject)
    principal = Principal(person.name, person.name, frozenset(person.groups), frozenset(person.roles))
    return Configured(principal, tuple(key.openssh for key in person.keys), link)


def _machine(machine: MachineTable) -> Configured:
    name = machine_id(machine.name)
    groups, targets = frozenset(machine.groups), frozenset(machine.targets)
    principal = Principal(name, name, groups, frozenset({"person"}), targets=targets)
    return Configured(principal, owner=machine.owner)
