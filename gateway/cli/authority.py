"""`ca show`, `ca rotate` and `ca retire`: the gateway's certificate authorities, with or without a running gateway.

A running gateway looks at their files whenever it signs or checks something, so nothing has to be told to it.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.exits import ERROR, BadUsage, NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Yes, load
from gateway.cli.talk import ask, data, is_watched, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.app.settings import Settings
    from gateway.identity.authority import Authority, AuthorityKey
    from gateway.identity.x509_authority import X509Authority

AuthorityName = Literal["user", "host", "target", "database"]
Form = Literal["known-hosts", "trusted-user-ca-keys", "pem", "json"]

SSH_PORT = 22

_FORMS: dict[AuthorityName, Form] = {
    "user": "trusted-user-ca-keys",
    "host": "known-hosts",
    "target": "trusted-user-ca-keys",
    "database": "pem",
}

_NEXT: dict[AuthorityName, str] = {
    "user": "signs from now on; what older ones have signed stays good until they are retired",
    "host": "is trusted; an older one signs until it is retired: before, let others know of this one",
    "target": "signs from now on, beside older ones until they are retired: before, let targets know of this one",
    "database": "signs for people from now on; an older one signs for the gateway until it is retired: before, let "
    "clients know of this one",
}

_ELSEWHERE = {
    "host": "clients that know no newer key of it will ask about the gateway's host key",
    "target": "targets that trust no newer key of it will not let the gateway in",
    "database": "clients of databases that know no newer key of it will not take the gateway for itself",
}


def show(
    authority: AuthorityName,
    /,
    *,
    form: Annotated[
        Form | None,
        Parameter(help="How to print it; if not said, as the file wants it that it is meant for."),
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Print what others need to trust an authority.

    `host` is for the known_hosts of people, `target` for the TrustedUserCAKeys of targets, `database` for the
    `sslrootcert` of clients of databases. `user` signs for the gateway's own door: nobody else needs it.

    Parameters
    ----------
    authority
        Which one.
    """
    settings = load(config).settings
    keys = _existing(_authority(settings, authority))
    if form == "json":
        data(json.dumps(_described(authority, keys), indent=2))
        return 0
    if form is not None and form != _FORMS[authority]:
        raise BadUsage(f"the {authority} authority is printed as {_FORMS[authority]} or json")
    if authority == "database":
        data(_x509(settings).pem().rstrip("\n"))
        return 0
    before = f"@cert-authority {_known_as(settings)} " if authority == "host" else ""
    for key in keys:
        data(f"{before}{key.openssh} hoop-{authority}-{key.number}")
    return 0


def rotate(authority: AuthorityName, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Make a new key for an authority. Older ones count beside it until they are retired.

    Parameters
    ----------
    authority
        Which one.
    """
    settings = load(config).settings
    made = asyncio.run(_rotate(settings, authority))
    say(f"{made.number} of the {authority} authority is made: {made.fingerprint}")
    alone = len(_authority(settings, authority).trusted()) == 1
    say(f"it {'signs from now on' if alone else _NEXT[authority]}")
    if authority != "user":
        say(f"what to give them: hoop-gateway ca show {authority}")
    return 0


def retire(
    authority: AuthorityName, number: str, /, *, yes: Yes = False, config: ConfigPath = DEFAULT_CONFIG
) -> int:
    """Trust an older key no longer. What it has signed counts for nothing from this moment on.

    Parameters
    ----------
    authority
        Which one.
    number
        The key's number, as in 0001.
    """
    settings = load(config).settings
    place = _authority(settings, authority)
    if number.rjust(4, "0") not in {key.number for key in _existing(place)}:
        raise NotFound(f"there is no {authority} authority {number}")
    key = place.retirable(number)
    warning = asyncio.run(_warning(settings, place, key))
    if warning:
        say(f"WARNING: {warning}")
        if not yes and not _confirmed(key):
            say("nothing was changed")
            return ERROR
    asyncio.run(_retire(settings, place, key))
    say(f"{key.number} of the {authority} authority is trusted no longer: {key.fingerprint}")
    return 0


def _authority(settings: "Settings", kind: AuthorityName) -> "Authority":
    from gateway.identity.authority import Authority

    return Authority(settings.gateway.data_dir / "ca", kind)


def _x509(settings: "Settings") -> "X509Authority":
    from gateway.identity.x509_authority import X509Authority

    return X509Authority(_authority(settings, "database"))


def _existing(authority: "Authority") -> "Sequence[AuthorityKey]":
    keys = authority.trusted()
    if not keys:
        kind = authority.kind
        raise NotFound(f"there is no {kind} authority yet - run: hoop-gateway ca rotate {kind}")
    return keys


def _described(kind: AuthorityName, keys: "Sequence[AuthorityKey]") -> list[dict[str, str]]:
    return [
        {
            "authority": kind,
            "number": key.number,
            "state": "signs" if key == keys[-1] else "trusted",
            "fingerprint": key.fingerprint,
            "created": key.created_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            "key": key.openssh,
        }
        for key in keys
    ]


def _known_as(settings: "Settings") -> str:
    """The names of the gateway as a known_hosts has them; `*` where it has none."""
    from gateway.app.front_hall import hosts

    listening = settings.listen.ssh
    port = listening.port if listening is not None else SSH_PORT
    names = hosts(settings)
    beside = [f"[{name}]:{port}" for name in names] if port not in (0, SSH_PORT) else []
    return ",".join([*names, *beside]) or "*"


async def _rotate(settings: "Settings", kind: AuthorityName) -> "AuthorityKey":
    from gateway.identity.authority import rotate as rotated

    async with opened(settings) as ledger:
        return await rotated(_authority(settings, kind), ledger, who_runs_this())


async def _retire(settings: "Settings", authority: "Authority", key: "AuthorityKey") -> None:
    from gateway.identity.authority import retire as retired

    async with opened(settings) as ledger:
        await retired(authority, ledger, key.number, who_runs_this())


async def _warning(settings: "Settings", authority: "Authority", key: "AuthorityKey") -> str:
    """What stops working; empty where nothing does."""
    if authority.kind != "user":
        return _ELSEWHERE[authority.kind]
    now = datetime.now(UTC)
    until = next(later.created_at for later in authority.trusted() if later.number > key.number)
    async with opened(settings) as ledger:
        found = [
            row
            for row in await ledger.certificates()
            if not row.revoked and row.expires_at > now and row.issued_at <= until
        ]
    if not found:
        return ""
    last = max(row.expires_at for row in found).astimezone(UTC)
    return (
        f"{len(found)} certificates that {key.number} may have signed are still valid, the last of them until "
        f"{last:%Y-%m-%d %H:%M:%SZ}; their people will have to sign in again"
    )


def _confirmed(key: "AuthorityKey") -> bool:
    if not is_watched():
        raise BadUsage("there is nobody to ask; run it again with --yes")
    return ask(f"Trust {key.number} no longer? Type yes") == "yes"
