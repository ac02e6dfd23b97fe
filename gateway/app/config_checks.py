"""What only shows when several settings are seen together: names taken twice, doors that overlap, and so on.

Works on Settings alone; what lies in files is looked at by config_files.py. Each finding is the path of the
setting and a sentence.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.app.config_notify import check_notify
from gateway.app.config_problems import Path
from gateway.app.config_secrets import check_secrets
from gateway.app.config_sign_in import check_sign_in
from gateway.app.config_targets import check_targets
from gateway.app.config_values import Address
from gateway.app.settings import Settings

Finding = tuple[Path, str]


def check(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    yield from _doors(settings)
    yield from _store(settings)
    yield from _people(settings)
    yield from check_sign_in(settings)
    yield from check_secrets(settings)
    yield from check_targets(settings)
    yield from check_notify(settings)


def _doors(settings: Settings) -> Iterator[Finding]:
    listen = settings.listen
    doors = {"ssh": listen.ssh, "postgres": listen.postgres, "api": listen.api, "admin": listen.admin}
    opened = {name: address for name, address in doors.items() if address is not None}
    if not opened:
        yield ("listen",), 'no door is open; name one, as in ssh = "127.0.0.1:2222"'
    names = list(opened)
    for later, name in enumerate(names):
        for earlier in names[:later]:
            if _overlap(opened[name], opened[earlier]):
                yield ("listen", name), f'takes the same address as "{earlier}"'
    if (settings.postgres.certificate is None) != (settings.postgres.key is None):
        key = "certificate" if settings.postgres.certificate is None else "key"
        yield ("postgres", key), "is missing: certificate and key belong together"
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
