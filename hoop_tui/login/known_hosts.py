"""One line in `known_hosts` that lets ssh know the gateway by its authority, whatever host key it has today.

Only names of the gateway's own are taken from what it says: nobody's sign-in page may vouch for other people's
machines. Lines of others are never touched, and a file that is a link stays one.
"""

import binascii
import os
import re
import stat
from base64 import b64decode
from collections.abc import Iterable, Sequence
from pathlib import Path

from hoop_tui.address import host_of, is_loopback
from hoop_tui.private_files import PRIVATE, write_private

_MARKER = "@cert-authority"
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")
_KEY_TYPES = frozenset(
    {
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
        "rsa-sha2-256",
        "rsa-sha2-512",
    }
)
_SSH_PORT = 22
_MOST = 16


def usable_host(name: str) -> bool:
    """A host's name or address, and nothing that ssh or a pattern would read otherwise."""
    return len(name) <= 253 and bool(_NAME.fullmatch(name))


def own_names(names: Iterable[str], gateway: str) -> tuple[list[str], list[str]]:
    """Those that can be the gateway's, and the others."""
    own: list[str] = []
    others: list[str] = []
    for name in list(dict.fromkeys(names))[:_MOST]:
        (own if usable_host(name) and _is_near(name.lower(), host_of(gateway)) else others).append(name)
    return own, others


def _is_near(name: str, host: str) -> bool:
    """The gateway's host itself, a name under it or, within a domain of two words at least, beside it."""
    name = name.rstrip(".")
    if name == host or (is_loopback(name) and is_loopback(host)):
        return True
    if ":" in name or ":" in host or host.replace(".", "").isdigit():
        return False
    domain = host.partition(".")[2]
    return name.endswith(f".{host}") or ("." in domain and name.endswith(f".{domain}"))


def authority_lines(authorities: Sequence[str], names: Sequence[str], port: int, comment: str) -> list[str]:
    """The lines to have, one for each key that signs the gateway's host certificates. Odd keys are left out."""
    hosts = ",".join(name if port == _SSH_PORT else f"[{name}]:{port}" for name in names)
    keys = [key for key in map(_key, authorities[:_MOST]) if key is not None]
    return [f"{_MARKER} {hosts} {kind} {blob} {comment}" for kind, blob in keys] if hosts else []


def _key(line: str) -> tuple[str, str] | None:
    words = line.split()
    if len(words) < 2 or words[0] not in _KEY_TYPES or len(words[1]) > 4096:
        return None
    try:
        inside = b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = words[0].encode()
    return (words[0], words[1]) if inside[4 : 4 + len(kind)] == kind else None


def missing(lines: Sequence[str], text: str) -> list[str]:
    """Those of `lines` that the file does not say already: the same key, for all of the same names."""
    known: dict[tuple[str, str], set[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and words[0] == _MARKER:
            known.setdefault((words[2], words[3]), set()).update(words[1].split(","))
    return [line for line in lines if not _is_known(line, known)]


def _is_known(line: str, known: dict[tuple[str, str], set[str]]) -> bool:
    _, hosts, kind, blob, *_ = line.split(" ")
    return set(hosts.split(",")) <= known.get((kind, blob), set())


def add_lines(path: Path, lines: Sequence[str]) -> list[str]:
    """Add what is missing at the end, atomically; gives back what was added. Raises OSError."""
    if not lines:
        return []
    target = Path(os.path.realpath(path))
    text, mode = _read(target)
    fresh = missing(lines, text)
    if fresh:
        gap = "" if not text or text.endswith("\n") else "\n"
        addition = gap + "".join(f"{line}\n" for line in fresh)
        write_private(target, (text + addition).encode("utf-8", "surrogateescape"), mode)
    return fresh


def _read(path: Path) -> tuple[str, int]:
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        return text, stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return "", PRIVATE
