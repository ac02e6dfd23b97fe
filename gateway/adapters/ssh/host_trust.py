"""Which host keys a target may show: those pinned in the configuration, and those in known_hosts files.

Nothing is ever learnt from a connection. Host certificates and patterns of trust are not supported: keys only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from gateway.adapters.ssh.door import SIGNATURES
from gateway.core.errors import Unreachable
from gateway.core.people import Target

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class HostTrust:
    """The keys that are pinned for one target, and those that are known to be lost."""

    keys: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...] = ()

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """This is the machine we pinned."""
        return key in self.keys and key not in self.revoked

    @property
    def algorithms(self) -> list[str]:
        """What to ask the target for: the kinds we have pinned, then the others, so that a machine that has none of
        ours still shows the key by which we know that it is another."""
        pinned = {name.decode() for key in self.keys for name in key.sig_algorithms}
        return sorted(SIGNATURES, key=lambda name: name not in pinned)


def host_trust(target: Target) -> HostTrust:
    """What is pinned for `target`. Raises `Unreachable` when nothing is. Reads files."""
    keys = [asyncssh.import_public_key(line) for line in target.options.get("host_keys") or ()]
    revoked: list[asyncssh.SSHKey] = []
    for path in _paths(target.options.get("known_hosts")):
        found = _read(path, target)
        keys.extend(found.keys)
        revoked.extend(found.revoked)
    if not keys:
        raise Unreachable(
            f"{target.name} is not trusted yet - an operator must run: hoop-gateway target trust {target.name}"
        )
    return HostTrust(tuple(keys), tuple(revoked))


def _paths(given: object) -> Iterable[Path]:
    if isinstance(given, str | Path):
        return [Path(given)]
    return [Path(each) for each in given] if isinstance(given, Iterable) else []


def _read(path: Path, target: Target) -> HostTrust:
    try:
        known = asyncssh.import_known_hosts(path.read_text("utf-8"))
        port = None if target.port == SSH_PORT else target.port
        keys, _, revoked, *_ = known.match(target.host, "", port)
    except FileNotFoundError:
        return HostTrust(())
    except (OSError, ValueError) as problem:
        raise Unreachable(
            f"{target.name} can not be checked - the gateway's known_hosts is unusable, tell your platform team"
        ) from problem
    return HostTrust(tuple(keys), tuple(revoked))
