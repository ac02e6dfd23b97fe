"""Which host keys a target may show: those pinned in the configuration, those in known_hosts files, and those that an
authority named there has signed.

Nothing is ever learnt from a connection. What makes a certificate good is in `host_certificate.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate

from gateway.adapters.ssh.door.settings import SIGNATURES
from gateway.adapters.ssh.target.host_certificate import CERTIFICATE_ALGORITHMS, what_is_wrong
from gateway.core.errors import Unreachable
from gateway.core.people import Target

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class HostTrust:
    """The keys that are pinned for one target, those that are known to be lost, and whose certificates count."""

    keys: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """This is the machine we pinned."""
        return key in self.keys and key not in self.revoked

    def problem_with(self, certificate: SSHOpenSSHCertificate, host: str) -> str:
        """What is wrong with a certificate, as the end of a sentence. A pinned key needs none, so it may have any."""
        if self.accepts(certificate.key):
            return ""
        return what_is_wrong(certificate, host, self.authorities, self.revoked)

    @property
    def algorithms(self) -> list[str]:
        """What to ask the target for: certificates where we trust an authority, the kinds we have pinned, then the
        others, so that a machine that has none of ours still shows the key by which we know that it is another."""
        pinned = {name.decode() for key in self.keys for name in key.sig_algorithms}
        signed = CERTIFICATE_ALGORITHMS if self.authorities else ()
        return [*signed, *sorted(SIGNATURES, key=lambda name: name not in pinned)]


def host_trust(target: Target) -> HostTrust:
    """What is pinned for `target`. Raises `Unreachable` when nothing is. Reads files."""
    options = target.options
    keys = [asyncssh.import_public_key(line) for line in options.get("host_keys") or ()]
    authorities = [asyncssh.import_public_key(line) for line in options.get("host_ca") or ()]
    revoked: list[asyncssh.SSHKey] = []
    for path in _paths(options.get("known_hosts")):
        found = _read(path, target)
        keys.extend(found.keys)
        authorities.extend(found.authorities)
        revoked.extend(found.revoked)
    if not keys and not authorities:
        raise Unreachable(
            f"{target.name} is not trusted yet - an operator must run: hoop-gateway target trust {target.name}"
        )
    return HostTrust(tuple(keys), tuple(revoked), tuple(authorities))


def _paths(given: object) -> Iterable[Path]:
    if isinstance(given, str | Path):
        return [Path(given)]
    return [Path(each) for each in given] if isinstance(given, Iterable) else []


def _read(path: Path, target: Target) -> HostTrust:
    try:
        known = asyncssh.import_known_hosts(path.read_text("utf-8"))
        port = None if target.port == SSH_PORT else target.port
        keys, authorities, revoked, *_ = known.match(target.host, "", port)
        if port is not None:
            # Certificates know no ports, so neither do lines about who may sign them, or about lost keys.
            _, more, lost, *_ = known.match(target.host, "", None)
            authorities, revoked = [*authorities, *more], [*revoked, *lost]
    except FileNotFoundError:
        return HostTrust(())
    except (OSError, ValueError) as problem:
        raise Unreachable(
            f"{target.name} can not be checked - the gateway's known_hosts is unusable, tell your platform team"
        ) from problem
    return HostTrust(tuple(keys), tuple(revoked), tuple(authorities))
