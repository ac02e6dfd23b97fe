"""`policy revisions` and `policy show`: the policies that were in force, as the ledger keeps them."""

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gateway.cli.books import opened
from gateway.cli.exits import NotFound
from gateway.cli.given import moment
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import data, rows

if TYPE_CHECKING:
    from gateway.core.policy_revisions import PolicyRevision
    from gateway.store.ledger import SqlLedger

_COLUMNS = ("NUMBER", "HASH", "SINCE", "GATEWAY", "RULES", "LOADED")
_NUMBER = re.compile(r"[0-9]{1,9}")
_HASH = re.compile(r"[0-9a-f]{6,64}")


def revisions(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List the policies that were in force.

    The newest number first. SINCE is when a policy was first in force, LOADED when it last came into force.
    """
    found = asyncio.run(_all(config))
    listed: list[dict[str, Any]] = [
        {
            "number": each.number,
            "hash": each.revision,
            "since": moment(each.since),
            "gateway": each.gateway,
            "rules": each.rules,
            "loaded": moment(each.loaded_at),
        }
        for each in found
    ]
    rows(output, _COLUMNS, listed)
    return 0


def show(
    revision: Annotated[str, Parameter(help="Its number, or the beginning of its hash.")],
    /,
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    output: Listing = "table",
) -> int:
    """Print a policy that was in force.

    Each of its files, behind a line with its name.
    """
    found = stored(revision, config)
    if output == "json":
        facts = {"number": found.number, "hash": found.revision, "sha256": found.sha256, "rules": found.rules}
        files = [{"name": name, "text": text} for name, text in found.documents]
        data(json.dumps({**facts, "since": moment(found.since), "files": files}, indent=2))
        return 0
    for name, text in found.documents:
        data(f"# {name}")
        data(text.rstrip("\n"))
    return 0


def is_revision(given: Path) -> bool:
    """Whether this names a policy of the ledger rather than a file."""
    return not given.exists() and bool(_NUMBER.fullmatch(str(given)) or _HASH.fullmatch(str(given)))


def stored(given: str, config: Path) -> "PolicyRevision":
    """A policy of the ledger, by its number or the beginning of its hash. Raises `NotFound`."""
    return asyncio.run(_stored(given, config))


async def _all(config: Path) -> "list[PolicyRevision]":
    async with opened(load(config).settings) as ledger:
        return list(await ledger.policies())


async def _stored(given: str, config: Path) -> "PolicyRevision":
    async with opened(load(config).settings) as ledger:
        found = await ledger.policy(await _number(given, ledger))
    if found is None:
        raise NotFound(f"no policy {given} was in force here")
    return found


async def _number(given: str, ledger: "SqlLedger") -> int:
    """0: there is none."""
    known = await ledger.policies()
    if _NUMBER.fullmatch(given) and any(each.number == int(given) for each in known):
        return int(given)
    if not _HASH.fullmatch(given):
        return 0
    fitting = [each.number for each in known if each.sha256.startswith(given)]
    if len(fitting) > 1:
        raise NotFound(f"{given} is the beginning of several: {', '.join(map(str, sorted(fitting)))}")
    return fitting[0] if fitting else 0
