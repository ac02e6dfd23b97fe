"""What only shows when several settings of targets are seen together: names taken twice, ways that lead nowhere.

Each finding is the path of the setting and a sentence. What lies in files is looked at by config_files.py.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from gateway.adapters.ssh.jump.hops import HOPS_MOST
from gateway.app.config_problems import Path, did_you_mean
from gateway.app.config_values import Address
from gateway.app.inventory import HOST_LABELS
from gateway.app.settings import Settings
from gateway.app.settings_targets import AnyTarget, PostgresTarget, SshTarget

Finding = tuple[Path, str]
Said = tuple[str, str]
"""A key of one target, and what is wrong there; without a key, with the whole of it."""


def check_targets(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    names: set[str] = set()
    for index, target in enumerate(settings.target):
        if target.name in names:
            yield ("target", index, "name"), f'there are two targets with the name "{target.name}"'
        if settings.console.enabled and target.name == settings.console.name:
            yield (
                ("target", index, "name"),
                f'"{target.name}" is the console: give the target another name, or the console (name in [console])',
            )
        names.add(target.name)
        own = (
            (*_ssh(target), *_way_there(target, settings.target))
            if isinstance(target, SshTarget)
            else _postgres(target)
        )
        for key, sentence in (*_where(target), *own):
            path: Path = ("target", index, key) if key else ("target", index)
            yield path, sentence


def _where(target: AnyTarget) -> Iterator[Said]:
    for server in dict.fromkeys(target.servers):
        if problem := _wrong_with(server, target):
            yield "to", problem
    if len(set(target.servers)) < len(target.servers):
        yield "to", "names a server twice"
    for account in target.accounts:
        if (account.group is None) == (account.person is None):
            yield "accounts", "each entry names a group or a person, and the user that they are there"


def _wrong_with(server: Address, target: AnyTarget) -> str:
    without = server.host.replace("{name}", "")
    if server.port == 0:
        return "the port must be a number from 1 to 65535"
    if "{" in without or "}" in without:
        return "only {name} may stand in braces"
    if target.is_pattern and without == server.host:
        return f'must have {{name}} in it, because "{target.name}" is a pattern'
    if not target.is_pattern and without != server.host:
        return f'has {{name}} in it, but "{target.name}" is no pattern'
    return ""


def _ssh(target: SshTarget) -> Iterator[Said]:
    if target.auth is None and target.key is None and target.password is None:
        yield "", "needs a key, a password or auth: the gateway signs in there for the person"
    if target.auth is not None and (target.key is not None or target.password is not None):
        yield "auth", "can not go with a key or a password: the gateway makes a certificate for each session"
    if target.shell == "full" and target.commands:
        yield "commands", 'does nothing while the target has a shell; add shell = "none"'
    if target.shell == "none" and target.agent_forwarding:
        yield "agent_forwarding", 'can not go with shell = "none": nothing but commands and files reaches it'


def _postgres(target: PostgresTarget) -> Iterator[Said]:
    has_certificate = target.key is not None and target.certificate is not None
    if (target.key is None) != (target.certificate is None):
        key = "certificate" if target.certificate is None else "key"
        yield key, "is missing: a client certificate and its key belong together"
    elif target.password is None and not has_certificate and not _on_sockets(target):
        yield "", "needs a password, or a certificate with its key: the gateway signs in there for the person"
    if has_certificate and target.tls == "disable":
        yield "certificate", 'can not be shown with tls = "disable"'
    if target.ca_file is not None and target.tls in ("prefer", "disable"):
        yield "ca_file", f'does nothing with tls = "{target.tls}"'
    if target.server_name is not None and target.tls == "disable":
        yield "server_name", 'does nothing with tls = "disable"'


def _on_sockets(target: PostgresTarget) -> bool:
    """On this machine a server can know the gateway by its account."""
    return all(server.is_socket for server in target.to)


def _way_there(target: SshTarget, inventory: Sequence[AnyTarget]) -> Iterator[Said]:
    """Follow `via` to its end."""
    seen, here = [target.name], target
    while here.via is not None:
        found = _named(here.via, inventory)
        if found is None:
            if here is target:
                yield "via", f'there is no target "{here.via}"' + did_you_mean(here.via, _names(inventory))
            return
        if not isinstance(found, SshTarget):
            if here is target:
                yield "via", f'"{here.via}" is not reached by SSH'
            return
        if found.name in seen:
            if found is target or here is target:
                yield "via", f"leads back to itself: {' - '.join([*seen, found.name])}"
            return
        seen.append(found.name)
        here = found
    if len(seen) - 1 > HOPS_MOST:
        yield "via", f"is behind more than {HOPS_MOST} other targets: {' - '.join(seen)}"


def _named(name: str, inventory: Sequence[AnyTarget]) -> AnyTarget | None:
    """As the inventory finds it: an exact name first, then the first pattern that fits."""
    exact = (target for target in inventory if target.name == name)
    fitting = (target for target in inventory if target.is_pattern and fnmatchcase(name, target.name))
    return next(exact, None) or (next(fitting, None) if HOST_LABELS.fullmatch(name) else None)


def _names(inventory: Sequence[AnyTarget]) -> list[str]:
    return [target.name for target in inventory if not target.is_pattern]
