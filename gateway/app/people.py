"""The people of the configuration, known by key and by token. A reload replaces them in place."""

from collections.abc import Iterable

from gateway.app.settings_people import Person
from gateway.core.people import Principal
from gateway.core.ports import Clock
from gateway.identity.ssh_keys import KeyIdentities
from gateway.identity.tokens import TokenIdentities, Tokens


class People:
    """Everybody who may sign in, by whatever they present. Disabled people are nobody."""

    def __init__(self, persons: Iterable[Person], tokens: Tokens, clock: Clock) -> None:
        self._by_name: dict[str, Principal] = {}
        self._keys = KeyIdentities()
        self._tokens = TokenIdentities(tokens, clock, self.find)
        self.replace(persons)

    def replace(self, persons: Iterable[Person]) -> None:
        """Know these people from now on."""
        enabled = [(_principal(person), person) for person in persons if not person.disabled]
        self._keys.replace({principal: [key.openssh for key in person.keys] for principal, person in enabled})
        self._by_name = {principal.name: principal for principal, _ in enabled}

    def find(self, name: str) -> Principal | None:
        """The person of this name as they are now."""
        return self._by_name.get(name)

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        """Who holds this key?"""
        return await self._keys.by_ssh_key(openssh, fingerprint)

    def still(self, principal: Principal) -> Principal | None:
        """Whoever signed in with a key, as they are now. None: they may not come in any more."""
        return self._keys.still(principal)

    async def by_token(self, token: str) -> Principal | None:
        """Who was this token made for?"""
        return await self._tokens.by_token(token)


def _principal(person: Person) -> Principal:
    return Principal(
        id=person.name,
        name=person.name,
        groups=frozenset(person.groups),
        roles=frozenset(person.roles),
    )
