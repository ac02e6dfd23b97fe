"""`machine secret`, `machine revoke` and `machine ls`: they work on the store, with or without a running gateway."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.everybody import ACTIVE, MACHINE, Known, everybody
from gateway.cli.exits import BadUsage, NotFound
from gateway.cli.given import end_after, moment, note
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import rows, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.app.settings import Settings
    from gateway.app.settings_people import MachineTable
    from gateway.core.ports import TokenRow
    from gateway.identity.tokens import Minted


def secret(
    name: str,
    /,
    *,
    expires: Annotated[str, Parameter(help="How long it works, as in 30d; never, for ever.")] = "90d",
    label: Annotated[str, Parameter(help="A note for token ls, such as where it is used.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Make a client secret and print it once.

    The secret is the only thing on standard output. Only its hash is kept. Those that the machine has already go on
    working, so that the new one can be put in place before the old one is revoked.

    Parameters
    ----------
    name
        A machine of the configuration.
    """
    from gateway.identity.machine_secrets import mint_secret

    settings = load(config).settings
    machine = _who(settings, name)
    now = datetime.now(UTC)
    minted = mint_secret(
        machine.name, now, end_after(expires, now), actor=who_runs_this(), label=note(label, "--label")
    )
    others, owner = asyncio.run(_add(settings, machine, minted))
    print(minted.token, flush=True)
    until = f"until {moment(minted.row.expires_at)}" if minted.row.expires_at else "until it is revoked"
    say(f"{minted.row.id} works for {machine.name} {until}; it is not shown again")
    for id in others:
        say(f"{id} works, too; once the new one is in place: hoop-gateway machine revoke {id}")
    if owner:
        say(f"{machine.name} can not sign in with it: its owner {machine.owner} is {owner}")
    return 0


def revoke(id: str, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """End a client secret now.

    The tokens that the machine got with it end, too.

    Parameters
    ----------
    id
        The secret's id, such as m-7QF2KM.
    """
    wanted = "m-" + id.upper().removeprefix("HOOP_").removeprefix("M-")[:6]
    if not asyncio.run(_revoke(load(config).settings, wanted)):
        raise NotFound(f"there is no secret {wanted} that still works")
    say(f"{wanted} works no longer")
    return 0


def ls(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List the machines, and what should be looked at.

    REPORT says UNUSED of a machine that has not signed in for 90 days, UNROTATED of one whose secret is older than
    180 days, and NO OWNER of one whose owner is unknown, disabled or locked: it can not sign in.
    """
    found = asyncio.run(_listed(load(config).settings))
    columns = ("NAME", "STATE", "OWNER", "TARGETS", "SIGNS IN WITH", "LAST USED", "SECRET AGE", "REPORT")
    rows(output, columns, found)
    return 0


def _who(settings: "Settings", name: str) -> "MachineTable":
    from gateway.app.config_problems import did_you_mean

    wanted = name.removeprefix(MACHINE)
    machine = next((each for each in settings.machine if each.name == wanted), None)
    if machine is None:
        hint = did_you_mean(wanted, [each.name for each in settings.machine])
        raise NotFound(f'there is no machine "{wanted}" in the configuration{hint}')
    if machine.disabled:
        raise BadUsage(f"{wanted} is disabled")
    if machine.issuer is not None:
        raise BadUsage(f"{wanted} signs in with tokens of {machine.issuer}, and needs no secret")
    return machine


async def _add(
    settings: "Settings", machine: "MachineTable", minted: "Minted"
) -> "tuple[Sequence[str], str]":
    """The other secrets of the machine that work, and what is wrong with its owner."""
    async with opened(settings) as ledger:
        before = _good_secrets(machine.name, await ledger.tokens())
        await ledger.add_token(minted.row, minted.event)
        return before, _owner_trouble(machine.owner, await everybody(settings, ledger))


async def _revoke(settings: "Settings", id: str) -> bool:
    from gateway.core.events import TokenRevoked

    async with opened(settings) as ledger:
        return await ledger.revoke_token(id, TokenRevoked(actor=who_runs_this(), token=id))


async def _listed(settings: "Settings") -> list[dict[str, Any]]:
    async with opened(settings) as ledger:
        people, tokens = await everybody(settings, ledger), await ledger.tokens()
        locked = {lock.person for lock in await ledger.locks()}
    return [
        _row(machine, tokens, _owner_trouble(machine.owner, people), MACHINE + machine.name in locked)
        for machine in settings.machine
    ]


def _row(machine: "MachineTable", tokens: "Sequence[TokenRow]", trouble: str, locked: bool) -> dict[str, Any]:
    from gateway.identity.machine_review import review

    now = datetime.now(UTC)
    seen = review(machine.name, tokens, has_owner=not trouble, now=now)
    return {
        "name": machine.name,
        "state": "locked" if locked else "disabled" if machine.disabled else "active",
        "owner": machine.owner,
        "owner_is": trouble or ACTIVE,
        "groups": sorted(machine.groups),
        "targets": sorted(machine.targets),
        "signs_in_with": f"tokens of {machine.issuer}" if machine.issuer else _count(len(seen.secrets)),
        "secrets": list(seen.secrets),
        "last_used": moment(seen.used_at) or None,
        "secret_age": f"{(now - seen.secret_since).days}d" if seen.secret_since else None,
        "report": list(seen.reports),
    }


def _count(secrets: int) -> str:
    return {0: "no secret yet", 1: "a secret"}.get(secrets, f"{secrets} secrets")


def _good_secrets(name: str, tokens: "Iterable[TokenRow]") -> "Sequence[str]":
    from gateway.identity.machine_review import review

    return review(name, tokens, has_owner=True, now=datetime.now(UTC)).secrets


def _owner_trouble(owner: str, people: "Sequence[Known]") -> str:
    """Why the owner does not count; empty where they do."""
    states = [known.state for known in people if known.name.casefold() == owner.casefold()]
    if not states:
        return "unknown"
    return "" if ACTIVE in states else states[0]
