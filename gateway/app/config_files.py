"""The files that a configuration points at: people's keys, rules, certificates, secrets.

Keys and rules are part of the configuration and are always read. Secrets, certificates and host keys are only
looked at when the gateway is about to use them (`look_at_secrets`), so that other commands work without them.
"""

import glob
import os
import ssl
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncssh

from gateway.app.config_checks import Finding
from gateway.app.config_keys import PublicKey, read_public_key
from gateway.app.config_problems import Problem
from gateway.app.config_secrets import references
from gateway.app.config_values import SecretReference
from gateway.app.settings import Settings
from gateway.app.settings_targets import AnyTarget, SshTarget
from gateway.core.errors import Fault
from gateway.secrets.files import read_secret_file, secret_file_problem

MOST_BYTES = 4 << 20
_WILD = frozenset("*?[")


def read_text(path: Path) -> str:
    """The text of a file. Raises ValueError with a sentence."""
    try:
        if not path.is_file():
            raise ValueError("is not an ordinary file" if path.exists() else "there is no such file")
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as problem:
        raise ValueError(f"can not be read: {(problem.strerror or 'unknown').lower()}") from None
    if len(data) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"is not UTF-8 text (line {line})") from None


def read_keys_file(path: Path) -> tuple[list[tuple[int, PublicKey]], list[Problem], str]:
    """The keys with their line numbers, what is wrong inside, and why the file can not be read at all."""
    try:
        text = read_text(path)
    except ValueError as problem:
        return [], [], str(problem)
    keys: list[tuple[int, PublicKey]] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append((number, read_public_key(line.strip())))
        except ValueError as problem:
            problems.append(Problem(str(path), number, "", str(problem)))
    return keys, problems, ""


def rule_files(patterns: tuple[str, ...], directory: Path) -> tuple[list[Path], list[Finding]]:
    """The files with rules, each once and in the order of their names, and the patterns that name none."""
    found: dict[Path, None] = {}
    findings: list[Finding] = []
    for index, pattern in enumerate(patterns):
        path = ("policy", "files", index)
        if "\0" in pattern:
            findings.append((path, "must be a path"))
            continue
        start = "" if pattern.startswith("/") else glob.escape(str(directory)) + "/"
        matches = sorted(Path(name) for name in glob.glob(start + pattern))  # noqa: PTH207  # absolute patterns too
        if not matches and not _WILD & set(pattern):
            findings.append((path, f"{directory / pattern}: there is no such file"))
        found.update(dict.fromkeys(matches))
    return list(found), findings


def look_at_secrets(settings: Settings) -> Iterator[Finding]:
    """What would fail when the gateway opens: certificates, its own key, secrets that are not there."""
    data = settings.gateway.data_dir
    if data.exists() and not data.is_dir():
        yield ("gateway", "data_dir"), "is not a directory"
    if settings.tls is not None:
        yield from _pair("tls", settings.tls.certificate, settings.tls.key)
    yield from _host_key(settings.ssh.host_key)
    if settings.vault is not None and settings.vault.ca_file is not None:
        yield from _authority(("vault", "ca_file"), settings.vault.ca_file)
    for path, reference in references(settings):
        yield from _reference(path, reference)
    if settings.postgres.certificate is not None and settings.postgres.key is not None:
        yield from _pair("postgres", settings.postgres.certificate, settings.postgres.key)
    for name, receiver in settings.notify.items():
        if receiver.ca_file is not None:
            yield from _authority(("notify", name, "ca_file"), receiver.ca_file)
    for index, target in enumerate(settings.target):
        yield from _beside_target(("target", index), target)


def _beside_target(path: tuple[str | int, ...], target: AnyTarget) -> Iterator[Finding]:
    if isinstance(target, SshTarget):
        if target.known_hosts is not None:
            yield from _known_hosts((*path, "known_hosts"), target.known_hosts)
        return
    for key in ("ca_file", "certificate"):
        file = getattr(target, key)
        if file is not None:
            yield from _authority((*path, key), file)


def _reference(path: tuple[str | int, ...], reference: SecretReference) -> Iterator[Finding]:
    if reference.kind == "env" and not os.environ.get(str(reference.value)):
        yield path, f"the environment variable {reference.value} is not set"
    if reference.kind == "file":
        sentence = secret_file_problem(str(reference.value))
        if sentence:
            yield path, sentence
    if reference.kind == "aws" and find_spec("botocore") is None:
        yield path, 'needs botocore, which is not installed: install hoop-tui with its extra "aws"'


def _authority(path: tuple[str | int, ...], file: Path) -> Iterator[Finding]:
    try:
        text = read_text(file)
    except ValueError as problem:
        yield path, f"{file}: {problem}"
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        yield path, f"{file}: has no certificate in PEM form"


def _pair(table: str, certificate: Path, key: Path) -> Iterator[Finding]:
    """What a door shows, and what proves that it is its own."""
    try:
        read_text(certificate)
    except ValueError as problem:
        yield (table, "certificate"), f"{certificate}: {problem}"
        return
    sentence = secret_file_problem(str(key))
    if sentence:
        yield (table, "key"), sentence
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        yield (table, "certificate"), "certificate and key are not a pair in PEM form without a passphrase"


def _host_key(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return  # made at the first start
    try:
        secret = read_secret_file(str(path))
        asyncssh.import_private_key(secret.expose())
    except Fault as problem:
        yield ("ssh", "host_key"), problem.sentence
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        yield ("ssh", "host_key"), f"{path} is not a private key without a passphrase"


def _known_hosts(path: tuple[str | int, ...], file: Path) -> Iterator[Finding]:
    try:
        text = read_text(file)
    except ValueError as problem:
        yield path, f"{file}: {problem}"
        return
    try:
        asyncssh.import_known_hosts(text)
    except ValueError:
        yield path, f"{file}: is not a known_hosts file"
