"""Everybody the gateway knows, as the command line sees them: the configuration and the ledger, read together.

It answers for lists and for finding whom a command means; who may come in is decided in the identity room.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.cli.exits import NotFound

if TYPE_CHECKING:
    from gateway.app.settings import Settings
    from gateway.app.settings_people import Person
    from gateway.core.ports import LockRow, PersonRow
    from gateway.store.ledger import SqlLedger

CONFIGURATION = "configuration"
ACTIVE = "active"
MACHINE = "machine:"


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody, and what is known of them."""

    id: str
    name: str
    source: str
    """`configuration`, or the name of the issuer that vouches for them."""
    groups: frozenset[str] = frozenset()
    roles: dict[str, str] = field(default_factory=dict)
    """Each role, and where it comes from."""
    disabled: bool = False
    lock: "LockRow | None" = None
    gone: bool = False
    """Their provider was asked again, and said no."""
    hidden: bool = False
    """Somebody of the configuration has the same name, so this one is nobody."""

    @property
    def state(self) -> str:
        """One word for whether they may come in."""
        if self.lock:
            return "locked"
        words = {"disabled": self.disabled, "gone": self.gone, "name taken": self.hidden}
        return next((word for word, holds in words.items() if holds), ACTIVE)


async def everybody(settings: "Settings", ledger: "SqlLedger") -> list[Known]:
    """All people, by name; machines are not among them."""
    locks = {lock.person: lock for lock in await ledger.locks()}
    issuers = {issuer.url: issuer.name for issuer in settings.issuer}
    links = {(person.issuer, person.subject) for person in settings.person if person.issuer}
    names = {person.name.casefold() for person in settings.person}
    rows = {(issuers.get(row.issuer, row.issuer), row.subject): row for row in await ledger.people()}
    gone = {link for link, row in rows.items() if row.gone}
    found = [
        _configured(person, settings, locks, (person.issuer, person.subject) in gone)
        for person in settings.person
    ]
    found += [
        _vouched(row, source, settings, locks, row.name.casefold() in names)
        for (source, subject), row in rows.items()
        if (source, subject) not in links
    ]
    return sorted(found, key=lambda known: known.name.casefold())


def named(wanted: str, people: Sequence[Known], settings: "Settings") -> Known:
    """Whom a command means: a person by name or id, a machine as `machine:NAME`. Raises `NotFound`."""
    from gateway.app.config_problems import did_you_mean

    machines = [
        Known(MACHINE + machine.name, MACHINE + machine.name, CONFIGURATION) for machine in settings.machine
    ]
    all_known = [*people, *machines]
    exact = [known for known in all_known if wanted in (known.id, known.name)]
    loose = [known for known in all_known if known.name.casefold() == wanted.casefold()]
    # Of two with one name the one who counts: people of the configuration come before those of providers.
    for known in sorted(exact, key=lambda known: known.hidden) or loose:
        return known
    hint = did_you_mean(wanted, [known.name for known in all_known])
    raise NotFound(f'there is nobody called "{wanted}"{hint}')


def configured(name: str, settings: "Settings") -> "Person":
    """A person of the configuration. Raises `NotFound`."""
    from gateway.app.config_problems import did_you_mean

    found = next((person for person in settings.person if person.name == name), None)
    if found is None:
        hint = did_you_mean(name, [person.name for person in settings.person])
        raise NotFound(f'there is no person "{name}" in the configuration{hint}')
    return found


def _configured(person: "Person", settings: "Settings", locks: "dict[str, LockRow]", gone: bool) -> Known:
    roles = dict.fromkeys(map(str, person.roles), CONFIGURATION)
    return Known(
        id=person.name,
        name=person.name,
        source=CONFIGURATION if person.issuer is None else f"{CONFIGURATION}, {person.issuer}",
        groups=frozenset(person.groups),
        roles=_by_groups(settings, frozenset(person.groups)) | roles,
        disabled=person.disabled,
        lock=locks.get(person.name),
        gone=gone,
    )


def _vouched(
    row: "PersonRow", source: str, settings: "Settings", locks: "dict[str, LockRow]", hidden: bool
) -> Known:
    return Known(
        id=row.id,
        name=row.name,
        source=source,
        groups=row.groups,
        roles={"person": "everybody"} | _by_groups(settings, row.groups),
        lock=locks.get(row.id),
        gone=row.gone,
        hidden=hidden,
    )


def _by_groups(settings: "Settings", groups: frozenset[str]) -> dict[str, str]:
    """Each role that groups bring, and the first of these groups."""
    return {
        role: f"group {min(bringing)}"
        for role in ("approver", "auditor", "operator", "admin")
        if (bringing := groups & set(getattr(settings.roles, role)))
    }
