"""`token create`, `token ls` and `token revoke`: they work on the store, with or without a running gateway.

Only API tokens are made here. People sign in for the others, databases are asked for, machines have `machine secret`.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.everybody import configured
from gateway.cli.exits import BadUsage, NotFound
from gateway.cli.given import end_after, moment, note
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import rows, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.app.settings import Settings
    from gateway.core.ports import TokenRow
    from gateway.identity.tokens import Minted

COLUMNS = ("ID", "KIND", "STATE", "PERSON", "ROLES", "TARGET", "LABEL", "CREATED", "EXPIRES", "USED")


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
    label: Annotated[str, Parameter(help="A note for token ls, such as what uses it.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Make an API token and print it once.

    The token is the only thing on standard output. Only its hash is kept: who loses it makes a new one.
    """
    from gateway.identity.tokens import mint

    settings = load(config).settings
    _check_person(settings, person, role)
    now = datetime.now(UTC)
    minted = mint(
        person,
        frozenset(role),
        now,
        end_after(expires, now),
        actor=who_runs_this(),
        label=note(label, "--label"),
    )
    asyncio.run(_add(settings, minted))
    print(minted.token, flush=True)
    until = f"until {moment(minted.row.expires_at)}" if minted.row.expires_at else "until it is revoked"
    say(f"{minted.row.id} works for {person} {until}; it is not shown again")
    return 0


def ls(
    *,
    person: Annotated[str, Parameter(help="Only those of this person; of a machine as machine:NAME.")] = "",
    kind: Annotated[
        Literal["api", "login", "database", "machine", "secret"] | None,
        Parameter(help="Only those of this kind."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    output: Listing = "table",
) -> int:
    """List the tokens, also those that work no longer.

    KIND is api for those made here, login for sign-ins of hoop-tui, database for passwords of one target, secret for
    client secrets of machines and machine for what machines got with them.
    """
    found = asyncio.run(_all(load(config).settings))
    chosen = [
        token for token in found if kind in (None, token.kind) and (not person or _is_of(token, person))
    ]
    rows(output, COLUMNS, [_row(token) for token in chosen])
    return 0


def revoke(
    id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why: it is kept in the audit log.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """End a token now, with the tokens and certificates that were made with it.

    Parameters
    ----------
    id
        The token's id, such as t-7QF2KM, or m-7QF2KM for the client secret of a machine.
    """
    settings = load(config).settings
    wanted = _id(id)
    if not asyncio.run(_revoke(settings, wanted, note(reason, "--reason"))):
        raise NotFound(f"there is no token {wanted} that still works")
    say(f"{wanted} works no longer")
    return 0


def _id(given: str) -> str:
    """The id in whatever was given: an id in any case, or a whole token. Without a letter it is a token's."""
    bare = given.strip().upper().removeprefix("HOOP_")
    letter = "m" if bare.startswith("M-") else "t"
    return f"{letter}-{bare.removeprefix('T-').removeprefix('M-')[:6]}"


def _check_person(settings: "Settings", name: str, roles: tuple[str, ...]) -> None:
    from gateway.app.config_problems import did_you_mean

    found = configured(name, settings)
    if found.disabled:
        raise BadUsage(f"{name} is disabled")
    for role in roles:
        if role not in found.roles:
            has = ", ".join(found.roles)
            raise BadUsage(
                f'{name} does not have the role "{role}"{did_you_mean(role, found.roles)} (has: {has})'
            )


def _is_of(token: "TokenRow", person: str) -> bool:
    return token.person.casefold() == person.casefold()


def _row(token: "TokenRow") -> dict[str, Any]:
    expired = token.expires_at is not None and token.expires_at <= datetime.now(UTC)
    return {
        "id": token.id,
        "kind": token.kind,
        "state": "revoked" if token.revoked else "expired" if expired else "works",
        "person": token.person,
        "roles": sorted(token.roles),
        "target": token.target,
        "label": token.label,
        "created": moment(token.created_at),
        "created_by": token.created_by,
        "expires": moment(token.expires_at) or None,
        "used": moment(token.used_at) or None,
        "parent": token.parent,
    }


async def _add(settings: "Settings", minted: "Minted") -> None:
    async with opened(settings) as ledger:
        await ledger.add_token(minted.row, minted.event)


async def _all(settings: "Settings") -> "Sequence[TokenRow]":
    async with opened(settings) as ledger:
        return await ledger.tokens()


async def _revoke(settings: "Settings", id: str, reason: str) -> bool:
    from gateway.core.events import TokenRevoked

    async with opened(settings) as ledger:
        return await ledger.revoke_token(id, TokenRevoked(actor=who_runs_this(), token=id, reason=reason))
