"""`token create`, `token ls` and `token revoke`: they work on the store, with or without a running gateway."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.exits import BadUsage, NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import rows, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.app.settings import Settings
    from gateway.core.ports import TokenRow
    from gateway.identity.tokens import Minted


def create(
    *,
    person: Annotated[str, Parameter(help="Whose token it is: a person of the configuration.")],
    role: Annotated[
        tuple[str, ...],
        Parameter(
            negative="", help="A role that the token has, again for each; without any, all of the person's."
        ),
    ] = (),
    expires: Annotated[str, Parameter(help="How long it works, as in 12h or 30d; never, for ever.")] = "90d",
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Make an API token and print it once.

    The token is the only thing on standard output. Only its hash is kept: who loses it makes a new one.
    """
    from gateway.identity.tokens import mint

    settings = load(config).settings
    _check_person(settings, person, role)
    now = datetime.now(UTC)
    minted = mint(person, frozenset(role), now, _end(expires, now), actor=who_runs_this())
    asyncio.run(_add(settings, minted))
    print(minted.token, flush=True)
    until = f"until {_moment(minted.row.expires_at)}" if minted.row.expires_at else "until it is revoked"
    say(f"{minted.row.id} works for {person} {until}; it is not shown again")
    return 0


def ls(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List the API tokens, also those that work no longer."""
    found = asyncio.run(_all(load(config).settings))
    rows(output, ("ID", "STATE", "PERSON", "ROLES", "CREATED", "EXPIRES"), [_row(token) for token in found])
    return 0


def revoke(id: str, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """End an API token now.

    Parameters
    ----------
    id
        The token's id, such as t-7QF2KM.
    """
    settings = load(config).settings
    wanted = "t-" + id.upper().removeprefix("HOOP_").removeprefix("T-")[:6]
    if not asyncio.run(_revoke(settings, wanted)):
        raise NotFound(f"there is no token {wanted} that still works")
    say(f"{wanted} works no longer")
    return 0


def _check_person(settings: "Settings", name: str, roles: tuple[str, ...]) -> None:
    from gateway.app.config_problems import did_you_mean

    found = next((person for person in settings.person if person.name == name), None)
    if found is None:
        hint = did_you_mean(name, [person.name for person in settings.person])
        raise NotFound(f'there is no person "{name}" in the configuration{hint}')
    if found.disabled:
        raise BadUsage(f"{name} is disabled")
    for role in roles:
        if role not in found.roles:
            has = ", ".join(found.roles)
            raise BadUsage(
                f'{name} does not have the role "{role}"{did_you_mean(role, found.roles)} (has: {has})'
            )


def _end(expires: str, now: datetime) -> datetime | None:
    from gateway.app.config_values import read_duration

    if expires == "never":
        return None
    try:
        length = read_duration(expires)
        if not length:
            raise ValueError("must be longer than nothing")
        return now + length
    except (ValueError, OverflowError) as problem:
        sentence = str(problem) if isinstance(problem, ValueError) else "is too far away"
        raise BadUsage(f"--expires: {sentence}") from None


def _row(token: "TokenRow") -> dict[str, Any]:
    expired = token.expires_at is not None and token.expires_at <= datetime.now(UTC)
    return {
        "id": token.id,
        "state": "revoked" if token.revoked else "expired" if expired else "works",
        "person": token.person,
        "roles": sorted(token.roles),
        "created": _moment(token.created_at),
        "expires": _moment(token.expires_at) if token.expires_at else None,
    }


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


async def _add(settings: "Settings", minted: "Minted") -> None:
    async with opened(settings) as ledger:
        await ledger.add_token(minted.row, minted.event)


async def _all(settings: "Settings") -> "Sequence[TokenRow]":
    async with opened(settings) as ledger:
        return await ledger.tokens()


async def _revoke(settings: "Settings", id: str) -> bool:
    from gateway.core.events import TokenRevoked

    async with opened(settings) as ledger:
        return await ledger.revoke_token(id, TokenRevoked(actor=who_runs_this(), token=id))
