"""Host keys: asking a target for them, and the file in which an operator pins them.

The file is an OpenSSH known_hosts in the data directory. Only lines for the exact host and port are looked at and
changed; whatever else somebody wrote into it stays.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from gateway.app.config_keys import PublicKey, read_public_key
from gateway.core.errors import Unreachable
from gateway.core.plain import plain

# One dial for each kind, because a server shows one key at a time.
_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_DIALS = 3


async def shown_by(host: str, port: int, seconds: float) -> list[PublicKey]:
    """The host keys that the machine shows now. Raises `Unreachable`."""
    found = []
    problem = "it shows no host key of a kind that is accepted here"
    for algorithms in _KINDS:
        for _ in range(_DIALS):
            try:
                async with asyncio.timeout(seconds):
                    key = await asyncssh.get_server_host_key(
                        host, port, server_host_key_algs=algorithms, config=None
                    )
            except asyncssh.KeyExchangeFailed:
                break  # it has no key of this kind
            except TimeoutError:
                raise Unreachable(f"{host}:{port} gave no answer in {seconds:g} seconds") from None
            except (ConnectionResetError, BrokenPipeError) as gone:
                problem = (gone.strerror or str(gone)).lower()
                continue  # as hanging up, below, only quicker
            except OSError as refused:
                raise _unreachable(host, port, refused.strerror or str(refused)) from None
            except asyncssh.Error as lost:
                problem = lost.reason  # a server without a key of this kind may also just hang up
                continue
            if key is not None:
                found.append(read_public_key(key.export_public_key().decode()))
            break
    if not found:
        raise _unreachable(host, port, problem)
    return found


def _unreachable(host: str, port: int, reason: str) -> Unreachable:
    return Unreachable(f"{host}:{port} can not be reached as an SSH server: {plain(reason, 120)}")


def name_in_file(host: str, port: int) -> str:
    """How known_hosts writes a host and port."""
    return host if port == 22 else f"[{host}]:{port}"


def pinned(file: Path, name: str) -> list[PublicKey]:
    """The keys that are pinned for `name`."""
    return [read_public_key(line.split(None, 1)[1]) for line in _lines(file) if _is_for(line, name)]


def pin(file: Path, name: str, keys: Sequence[PublicKey], *, replace: bool = False) -> None:
    """Add `keys`; with `replace`, instead of those that were there. The file changes as a whole or not at all."""
    kept = [line for line in _lines(file) if not (replace and _is_for(line, name))]
    text = "".join(f"{line}\n" for line in [*kept, *(f"{name} {key.openssh}" for key in keys)])
    handle, name_of_fresh = tempfile.mkstemp(prefix=".known_hosts-", dir=file.parent)
    fresh = Path(name_of_fresh)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(handle)
        fresh.replace(file)
    except BaseException:
        fresh.unlink()
        raise


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if file.exists() else []


def _is_for(line: str, name: str) -> bool:
    words = line.split(None, 2)
    return len(words) == 3 and words[0] == name
