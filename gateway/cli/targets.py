"""`target ls` and `target trust`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gateway.cli.books import own_directory
from gateway.cli.exits import ERROR, BadUsage, NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, Yes, load
from gateway.cli.talk import ask, is_watched, rows, say

if TYPE_CHECKING:
    from gateway.app.config_keys import PublicKey
    from gateway.app.settings import Settings
    from gateway.app.settings_targets import AnyTarget
    from gateway.core.people import Target


def ls(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List the targets.

    KNOWN BY says where the gateway knows the machine from: by its host key from the configuration, by one that
    `target trust` has pinned, or not at all - then it refuses to connect. For a pattern it depends on the machine. Of
    a database it says what `tls` does.
    """
    settings = load(config).settings
    listed = [
        {
            "name": target.name,
            "kind": target.kind,
            "to": ", ".join(map(str, target.servers)),
            "user": target.user,
            "labels": dict(target.labels),
            "known_by": known(settings, target),
        }
        for target in settings.target
    ]
    rows(output, ("NAME", "KIND", "TO", "USER", "LABELS", "KNOWN BY"), listed)
    return 0


def trust(
    name: str,
    /,
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Yes = False,
    replace: Annotated[
        bool, Parameter(negative="", help="Pin the new key although another one is pinned.")
    ] = False,
) -> int:
    """Pin the host key of a target of kind ssh.

    Dials the target, shows the fingerprints of the host keys it shows, and asks. Compare them with what the machine
    itself says: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`.

    Parameters
    ----------
    name
        The target, as people name it.
    """
    import asyncio

    from gateway.cli import pins

    settings = load(config).settings
    own_directory(settings.gateway.data_dir)
    place = _place(settings, name)
    keys = asyncio.run(pins.shown_by(place.host, place.port, settings.ssh.connect_timeout.total_seconds()))
    known = pins.pinned(place.file, place.pinned_as)
    say(f"{place.host}:{place.port} shows:")
    for key in keys:
        say(f"  {key.openssh.split()[0]}  {key.fingerprint}")
    if place.configured:
        return _compare(name, keys, place.configured)
    if {key.openssh for key in keys} <= {key.openssh for key in known}:
        say(f"{name} is trusted with this key already; nothing changed")
        return 0
    changed = _changed(keys, known)
    if changed:
        _warn(name, changed, keys)
        if not replace:
            say("nothing was changed; when you know why the key is new, run it again with --replace")
            return ERROR
    if not yes and not _confirmed(name):
        say("nothing was changed")
        return ERROR
    new = [key for key in keys if key.openssh not in {old.openssh for old in known}]
    pins.pin(place.file, place.pinned_as, keys if changed else new, replace=bool(changed))
    say(f"{name} is trusted; pinned in {place.file}")
    return 0


def _compare(name: str, keys: "list[PublicKey]", configured: "tuple[PublicKey, ...]") -> int:
    """What the configuration names is not added to from here: it would be trusted beside it."""
    if {key.openssh for key in keys} & {key.openssh for key in configured}:
        say(f"{name} is trusted by its host_keys in the configuration; nothing changed")
        return 0
    _warn(name, list(configured), keys)
    say("nothing was changed; its host_keys are in the configuration: when you know why, change them there")
    return ERROR


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a target is, and where its key is pinned."""

    host: str
    port: int
    pinned_as: str
    file: Path
    configured: "tuple[PublicKey, ...]"


def _place(settings: "Settings", name: str) -> _Place:
    from gateway.app.config_problems import did_you_mean
    from gateway.app.inventory import Targets
    from gateway.cli.pins import name_in_file

    inventory = Targets(_listed(table) for table in settings.target)
    found = inventory.find(name)
    if found is None:
        hint = did_you_mean(name, [table.name for table in settings.target])
        raise NotFound(f'there is no target "{name}"{hint}')
    if found.kind != "ssh":
        raise BadUsage(f"{name} has no host key to pin: its certificate is checked as tls and ca_file say")
    return _Place(
        found.host,
        found.port,
        name_in_file(found.host, found.port),
        settings.known_hosts,
        found.options["host_keys"],
    )


def _listed(table: "AnyTarget") -> "Target":
    from gateway.app.settings_targets import SshTarget
    from gateway.core.people import Target

    first = table.servers[0]
    keys = table.host_keys if isinstance(table, SshTarget) else ()
    return Target(table.name, table.kind, first.host, first.port, options={"host_keys": keys})


def _changed(keys: "list[PublicKey]", known: "list[PublicKey]") -> "list[PublicKey]":
    """The pinned keys that the machine should have shown, but showed another one of their kind or none at all."""
    shown = {key.openssh for key in keys}
    return [key for key in known if key.openssh not in shown]


def _warn(name: str, pinned: "list[PublicKey]", shown: "list[PublicKey]") -> None:
    say("")
    say(f"WARNING: THE HOST KEY OF {name} HAS CHANGED")
    say(
        "Either the machine was set up anew, or somebody answers in its place and would see what is sent there."
    )
    for key in pinned:
        say(f"  pinned  {key.openssh.split()[0]}  {key.fingerprint}")
    for key in shown:
        say(f"  shown   {key.openssh.split()[0]}  {key.fingerprint}")


def _confirmed(name: str) -> bool:
    if not is_watched():
        raise BadUsage("there is nobody to ask; compare the fingerprints, then run it again with --yes")
    return ask(f"Trust {name} with these keys? Type yes") == "yes"


def known(settings: "Settings", target: "AnyTarget") -> str:
    """Where the gateway knows the machine from: `configured`, `pinned`, `each` of a pattern, or `unknown`. Of a
    database, how it knows its server."""
    from gateway.app.settings_targets import SshTarget
    from gateway.cli import pins

    if not isinstance(target, SshTarget):
        return "socket" if all(server.is_socket for server in target.servers) else f"tls {target.tls}"
    if target.host_keys or target.host_ca or target.known_hosts is not None:
        return "configured"
    if target.is_pattern:
        return "each"
    name = pins.name_in_file(target.to.host, target.to.port)
    return "pinned" if pins.pinned(settings.known_hosts, name) else "unknown"
