"""Whose is it: from the ids that tokens, certificates and locks carry to the names that staff see.

Looked up anew for each request. It does not decide what the caller may know of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.api.services import ApiServices
from gateway.core.people import Known, Principal
from gateway.core.ports import LockRow


@dataclass(frozen=True, slots=True)
class WhoIsWho:
    """Everybody there is, and everybody who is locked."""

    known: dict[str, Known]
    locks: dict[str, LockRow]

    def all(self) -> Sequence[Known]:
        """Also those of whom nothing is left but a lock: their id is their name."""
        gone = [Known(Principal(id, id)) for id in self.locks if id not in self.known]
        return [*self.known.values(), *gone]

    def find(self, name: str) -> Known | None:
        """The person or machine of this name, however it is capitalised."""
        folded = name.casefold()
        return next((known for known in self.all() if known.principal.name.casefold() == folded), None)

    def name(self, id: str) -> str:
        """What they are called; those who are not there any more keep their id."""
        return self.known[id].principal.name if id in self.known else id

    def owner(self, id: str) -> str:
        """The name of whose it is. What is a machine's belongs to who answers for the machine."""
        known = self.known.get(id)
        return known.owner or known.principal.name if known else id


async def who_is_who(services: ApiServices) -> WhoIsWho:
    """As it is now. Raises `Fault`."""
    everybody = await services.everybody()
    locks = await services.ledger.locks()
    return WhoIsWho({known.principal.id: known for known in everybody}, {lock.person: lock for lock in locks})
