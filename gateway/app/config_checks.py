"""What only shows when several settings are seen together: names taken twice, doors that overlap, and so on.

Works on Settings alone; what lies in files is looked at by config_files.py. Each finding is the path of the
setting and a sentence.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from gateway.adapters.ssh.jump.hops import HOPS_MOST
from gateway.app.config_problems import Path, did_you_mean
from gateway.app.config_secrets import check_secrets
from gateway.app.config_sign_in import check_sign_in
from gateway.app.config_values import Address
from gateway.app.inventory import HOST_LABELS
from gateway.app.settings import Settings, TargetTable

Finding = tuple[Path, str]


def check(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    yield from _doors(settings)
    yield from _store(settings)
    yield from _people(settings)
    yield from check_sign_in(settings)
    yield from check_secrets(settings)
    yield from _targets(settings)


def _doors(settings: Settings) -> Iterator[Finding]:
    listen = settings.listen
    doors = {"ssh": listen.ssh, "api": listen.api, "admin": listen.admin}
    opened = {name: address for name, address in doors.items() if address is not None}
    if not opened:
        yield ("listen",), 'no door is open; name one, as in ssh = "127.0.0.1:2222"'
    names = list(opened)
    for later, name in enumerate(names):
        for earlier in names[:later]:
            if _overlap(opened[name], opened[earlier]):
                yield ("listen", name), f'takes the same address as "{earlier}"'
    if listen.api is not None and not listen.api.is_loopback and settings.tls is None:
        yield ("listen", "api"), "can be reached from other machines, so it needs a [tls] table"


def _overlap(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    return one.host == other.host or one.is_everywhere or other.is_everywhere


def _store(settings: Settings) -> Iterator[Finding]:
    if "?" in str(settings.gateway.data_dir):
        yield ("gateway", "data_dir"), 'may not have a "?" in it'
    try:
        url, recordings = urlsplit(settings.store.url), urlsplit(settings.store.recordings)
        secret_inside = bool(url.password)
    except ValueError:
        yield ("store",), "holds an address that can not be read"
        return
    if url.scheme not in ("sqlite", "postgresql"):
        yield ("store", "url"), 'must start with "sqlite:///" or "postgresql://"'
    elif url.scheme == "sqlite" and (url.netloc or not url.path.strip("/")):
        yield ("store", "url"), 'must name a file, as in "sqlite:///var/lib/hoop/hoop.db"'
    elif url.scheme == "postgresql" and not url.path.strip("/"):
        yield ("store", "url"), 'must name a database, as in "postgresql://hoop@db.internal/hoop"'
    if secret_inside or "password=" in url.query:
        yield ("store", "url"), "holds a password; write it as password = { env = ... } beside the url"
    if settings.store.password is not None and url.scheme == "postgresql" and not url.username:
        yield (
            ("store", "url"),
            'must name the account of the password, as in "postgresql://hoop@db.internal/hoop"',
        )
    if settings.store.password is not None and url.scheme != "postgresql":
        yield ("store", "password"), "only a postgresql:// store takes a password"
    if recordings.scheme != "file" or recordings.netloc or len(recordings.path) < 2:
        yield ("store", "recordings"), 'must name a directory, as in "file:///var/lib/hoop/recordings"'


def _people(settings: Settings) -> Iterator[Finding]:
    names: set[str] = set()
    owners: dict[str, str] = {}
    for index, person in enumerate(settings.person):
        if person.name.casefold() in names:
            yield ("person", index, "name"), f'there are two people with the name "{person.name}"'
        names.add(person.name.casefold())
        for place, key in enumerate(person.keys):
            owner = owners.setdefault(key.openssh, person.name)
            if owner != person.name:
                yield (
                    ("person", index, "keys", place),
                    f"this key is {owner}'s already; a key stands for one person",
                )


def _targets(settings: Settings) -> Iterator[Finding]:
    names: set[str] = set()
    for index, target in enumerate(settings.target):
        if target.name in names:
            yield ("target", index, "name"), f'there are two targets with the name "{target.name}"'
        names.add(target.name)
        for key, sentence in (
            *_target(target),
            *_what_it_offers(target),
            *_way_there(target, settings.target),
        ):
            path: Path = ("target", index, key) if key else ("target", index)
            yield path, sentence


def _target(target: TargetTable) -> Iterator[tuple[str, str]]:
    is_pattern = "*" in target.name
    without = target.to.host.replace("{name}", "")
    if target.to.port == 0:
        yield "to", "the port must be a number from 1 to 65535"
    if "{" in without or "}" in without:
        yield "to", "only {name} may stand in braces"
    elif is_pattern and without == target.to.host:
        yield "to", f'must have {{name}} in it, because "{target.name}" is a pattern'
    elif not is_pattern and without != target.to.host:
        yield "to", f'has {{name}} in it, but "{target.name}" is no pattern'
    if target.auth is None and target.key is None and target.password is None:
        yield "", "needs a key, a password or auth: the gateway signs in there for the person"
    if target.auth is not None and (target.key is not None or target.password is not None):
        yield "auth", "can not go with a key or a password: the gateway makes a certificate for each session"
    for account in target.accounts:
        if (account.group is None) == (account.person is None):
            yield "accounts", "each entry names a group or a person, and the user that they are there"


def _what_it_offers(target: TargetTable) -> Iterator[tuple[str, str]]:
    if target.shell == "full" and target.commands:
        yield "commands", 'does nothing while the target has a shell; add shell = "none"'
    if target.shell == "none" and target.agent_forwarding:
        yield "agent_forwarding", 'can not go with shell = "none": nothing but commands and files reaches it'


def _way_there(target: TargetTable, inventory: Sequence[TargetTable]) -> Iterator[tuple[str, str]]:
    """Follow `via` to its end."""
    seen, here = [target.name], target
    while here.via is not None:
        found = _named(here.via, inventory)
        if found is None:
            if here is target:
                yield "via", f'there is no target "{here.via}"' + did_you_mean(here.via, _names(inventory))
            return
        if found.name in seen:
            if found is target or here is target:
                yield "via", f"leads back to itself: {' - '.join([*seen, found.name])}"
            return
        seen.append(found.name)
        here = found
    if len(seen) - 1 > HOPS_MOST:
        yield "via", f"is behind more than {HOPS_MOST} other targets: {' - '.join(seen)}"


def _named(name: str, inventory: Sequence[TargetTable]) -> TargetTable | None:
    """As the inventory finds it: an exact name first, then the first pattern that fits."""
    exact = (target for target in inventory if target.name == name)
    fitting = (target for target in inventory if "*" in target.name and fnmatchcase(name, target.name))
    return next(exact, None) or (next(fitting, None) if HOST_LABELS.fullmatch(name) else None)


def _names(inventory: Sequence[TargetTable]) -> list[str]:
    return [target.name for target in inventory if "*" not in target.name]
