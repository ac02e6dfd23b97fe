"""Where key and certificate are kept when there is no ssh-agent: files of one's own, and a config for stock ssh."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hoop_tui.login.ssh_key import CertifiedKey
from hoop_tui.private_files import write_private

_KEY, _CERTIFICATE, _KNOWN = "id_ed25519", "id_ed25519-cert.pub", "known_hosts"


def gateway_directory(config: Path, gateway: str) -> Path:
    """`ssh/hoop.example.com`, with the port where it has one of its own."""
    parts = urlsplit(gateway)
    name = re.sub(r"[^A-Za-z0-9.-]", "-", parts.hostname or "gateway").lower().lstrip(".")
    return config / "ssh" / (f"{name}_{parts.port}" if parts.port else name)


def key_path(directory: Path) -> Path:
    return directory / _KEY


def certificate_path(directory: Path) -> Path:
    return directory / _CERTIFICATE


def write_key(directory: Path, key: CertifiedKey, known: Sequence[str]) -> None:
    """Raises OSError."""
    certificate_path(directory).unlink(missing_ok=True)
    write_private(key_path(directory), key.private_file())
    write_private(certificate_path(directory), f"{key.line}\n".encode())
    write_private(directory / _KNOWN, "".join(f"{line}\n" for line in known).encode())


def remove_key(directory: Path) -> bool:
    """Whether there was one. Raises OSError."""
    there = key_path(directory).exists()
    for name in (_KEY, _CERTIFICATE, _KNOWN):
        (directory / name).unlink(missing_ok=True)
    return there


def ssh_options(directory: Path) -> list[str]:
    """For one call of ssh without its config."""
    return [
        *("-o", f"IdentityFile={_quoted(key_path(directory))}"),
        *("-o", f"CertificateFile={_quoted(certificate_path(directory))}"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", f"UserKnownHostsFile=~/.ssh/known_hosts {_quoted(directory / _KNOWN)}"),
    ]


def write_config(config: Path, gateway: str, names: Sequence[str], host: str, port: int) -> Path:
    """`ssh_config` with a block for this gateway, and those of the others as they are. Raises OSError."""
    directory = gateway_directory(config, gateway)
    block = [
        f"# {gateway}",
        f"Host {' '.join(dict.fromkeys([host, *names]))}",
        f"    HostName {host}",
        f"    Port {port}",
        f"    IdentityFile {_quoted(key_path(directory))}",
        f"    CertificateFile {_quoted(certificate_path(directory))}",
        "    IdentitiesOnly yes",
        f"    UserKnownHostsFile ~/.ssh/known_hosts {_quoted(directory / _KNOWN)}",
    ]
    path = config / "ssh_config"
    write_private(path, "\n\n".join([*_others(path, gateway), "\n".join(block)]).encode() + b"\n")
    return path


def remove_config(config: Path, gateway: str) -> None:
    """Raises OSError."""
    path = config / "ssh_config"
    if not path.exists():
        return
    others = _others(path, gateway)
    if others:
        write_private(path, "\n\n".join(others).encode() + b"\n")
    else:
        path.unlink()


def is_included(home: Path, path: Path) -> bool:
    """Whether the person's own config reads ours already."""
    try:
        lines = (home / ".ssh" / "config").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    wanted = {str(path), shown_path(home, path)}
    return any(
        line.strip().lower().startswith("include") and wanted & set(line.replace('"', "").split()[1:])
        for line in lines
    )


def shown_path(home: Path, path: Path) -> str:
    """With `~` for the home directory."""
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _others(path: Path, gateway: str) -> list[str]:
    if not path.exists():
        return []
    blocks = re.split(r"\n\n+", path.read_text(encoding="utf-8", errors="replace").strip())
    return [block for block in blocks if block and block.split("\n")[0] != f"# {gateway}"]


def _quoted(path: Path) -> str:
    """For a value of ssh's config, where blanks separate and `%` is special."""
    text = os.fspath(path).replace("%", "%%")
    return f'"{text}"' if " " in text else text
