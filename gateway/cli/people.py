"""`person ls`, `lock`, `unlock` and `forget`: they work on the store, with or without a running gateway."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.everybody import Known, everybody, named
from gateway.cli.exits import BadUsage, NotFound
from gateway.cli.given import moment, note
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import rows, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.app.settings import Settings
    from gateway.core.ports import CertificateRow, TokenRow
    from gateway.store.ledger import SqlLedger


def ls(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List everybody: people of the configuration, and those whom an identity provider has vouched for.

    ROLES says for each where it comes from: the configuration, or a group. LAST SEEN is when they last signed in,
    used a token or opened a session. Machines have a list of their own: `hoop-gateway machine ls`.
    """
    found = asyncio.run(_listed(load(config).settings))
    rows(output, ("NAME", "STATE", "FROM", "GROUPS", "ROLES", "LAST SEEN", "REASON"), found)
    return 0


def lock(
    name: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why: it is kept in the audit log, and shown by person ls.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Keep somebody out, and end all they have.

    Their tokens and certificates end now, for good; a running gateway ends their sessions within two seconds.

    Parameters
    ----------
    name
        Who, by name or id as in person ls; a machine as machine:NAME.
    """
    if not note(reason, "--reason"):
        raise BadUsage("--reason: say why")
    settings = load(config).settings
    who, was_open = asyncio.run(_lock(settings, name, note(reason, "--reason")))
    if was_open:
        say(
            f"{who.name} is locked: tokens and certificates have ended; a running gateway ends their sessions now"
        )
    else:
        say(f"{who.name} was locked already; nothing changed")
    return 0


def unlock(name: str, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Let somebody sign in again. What was ended by the lock stays so.

    Parameters
    ----------
    name
        Who, by name or id as in person ls; a machine as machine:NAME.
    """
    who, was_locked = asyncio.run(_unlock(load(config).settings, name))
    if not was_locked:
        raise NotFound(f"{who.name} is not locked")
    say(f"{who.name} may sign in again")
    return 0


def forget(name: str, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Know somebody no more: their name is free.

    For people of identity providers. A name belongs to the first who came with it, also when they have another by
    now: rules know people by it. When somebody leaves and another person gets their address, this is what lets them
    in. What the first one has ends now; the ledger keeps what they did.

    Parameters
    ----------
    name
        Who, by name or id as in person ls.
    """
    who, was_there = asyncio.run(_forget(load(config).settings, name))
    if not was_there:
        raise BadUsage(f"{who.name} is of the configuration: take them out of it")
    say(f"{who.name} is forgotten: tokens and certificates have ended, and the name is free")
    return 0


async def _listed(settings: "Settings") -> list[dict[str, Any]]:
    async with opened(settings) as ledger:
        tokens, certificates = await ledger.tokens(), await ledger.certificates()
        return [
            _row(known, await _last_seen(known, ledger, tokens, certificates))
            for known in await everybody(settings, ledger)
        ]


async def _last_seen(
    who: Known,
    ledger: "SqlLedger",
    tokens: "Sequence[TokenRow]",
    certificates: "Sequence[CertificateRow]",
) -> datetime | None:
    sessions = await ledger.sessions(person=who.name, limit=1)
    times = [session.started_at for session in sessions]
    own = [token for token in tokens if token.person == who.id]
    times += [token.used_at for token in own if token.used_at]
    # An operator makes an API token for somebody; a login token is made by signing in.
    times += [token.created_at for token in own if token.kind == "login"]
    times += [row.issued_at for row in certificates if row.person == who.id]
    return max(times, default=None)


def _row(who: Known, seen: datetime | None) -> dict[str, Any]:
    return {
        "id": who.id,
        "name": who.name,
        "state": who.state,
        "from": who.source,
        "groups": sorted(who.groups),
        "roles": who.roles,
        "last_seen": moment(seen) or None,
        "reason": who.lock.reason if who.lock else "",
        "locked_by": who.lock.by if who.lock else "",
        "locked_at": moment(who.lock.at) if who.lock else None,
    }


async def _lock(settings: "Settings", name: str, reason: str) -> tuple[Known, bool]:
    from gateway.core.events import PersonLocked
    from gateway.core.ports import LockRow

    async with opened(settings) as ledger:
        who = named(name, await everybody(settings, ledger), settings)
        by = who_runs_this()
        row = LockRow(who.id, datetime.now(UTC), by, reason)
        return who, await ledger.lock_person(row, PersonLocked(actor=by, person=who.id, reason=reason))


async def _unlock(settings: "Settings", name: str) -> tuple[Known, bool]:
    from gateway.core.events import PersonUnlocked

    async with opened(settings) as ledger:
        who = named(name, await everybody(settings, ledger), settings)
        event = PersonUnlocked(actor=who_runs_this(), person=who.id)
        return who, await ledger.unlock_person(who.id, event)


async def _forget(settings: "Settings", name: str) -> tuple[Known, bool]:
    from gateway.core.events import PersonForgotten

    async with opened(settings) as ledger:
        who = named(name, await everybody(settings, ledger), settings)
        event = PersonForgotten(actor=who_runs_this(), person=who.id)
        return who, await ledger.forget_person(who.id, event)
