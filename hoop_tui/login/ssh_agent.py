"""The ssh-agent: what it holds of ours, one certificate in, old ones out. Five messages of its protocol.

It never asks the agent to sign, and never sees a private key but the one that it puts in. See OpenSSH's
PROTOCOL.agent and draft-ietf-sshm-ssh-agent.
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from hoop_tui.login.ssh_key import CertifiedKey

_FAILURE, _SUCCESS = 5, 6
_LIST, _LISTED, _REMOVE, _ADD = 11, 12, 18, 25
_LIFETIME = 1
_ALGORITHM = b"ssh-ed25519-cert-v01@openssh.com"
_PATIENCE_SECONDS = 5.0
_LARGEST = 1 << 20


class NoAgent(Exception):
    """There is none, or it does not do what it is asked."""


@dataclass(frozen=True, slots=True)
class Held:
    """A key in the agent."""

    blob: bytes
    comment: str


class Agent:
    """Open while it is entered. Every method raises `NoAgent` and nothing else."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get("SSH_AUTH_SOCK", "")
        self._line: socket.socket | None = None

    def __enter__(self) -> "Agent":
        if not self._path:
            raise NoAgent("there is no ssh-agent")
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(_PATIENCE_SECONDS)
        try:
            line.connect(self._path)
        except OSError as problem:
            line.close()
            raise NoAgent("the ssh-agent can not be reached") from problem
        self._line = line
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.close()

    def held(self, comment: str) -> list[Held]:
        """The keys with this comment."""
        answer = self._ask(bytes([_LIST]), _LISTED)
        try:
            (count,) = struct.unpack_from(">I", answer)
            offset, keys = 4, []
            for _ in range(min(count, 4096)):
                blob, offset = _string(answer, offset)
                words, offset = _string(answer, offset)
                keys.append(Held(blob, words.decode(errors="replace")))
        except (struct.error, ValueError) as problem:
            raise NoAgent("the ssh-agent's answer can not be read") from problem
        return [key for key in keys if key.comment == comment]

    def put(self, key: CertifiedKey, comment: str) -> None:
        """Keep the key and its certificate until the certificate ends."""
        seconds = int((key.valid_until - datetime.now(UTC)).total_seconds())
        if seconds < 1:
            raise NoAgent("the certificate has ended already")
        seed, public = key.seed_and_public()
        fields = (_ALGORITHM, key.blob, public, seed + public, comment.encode())
        lifetime = struct.pack(">BI", _LIFETIME, min(seconds, 0xFFFFFFFF))
        self._ask(bytes([_ADD]) + b"".join(_packed(each) for each in fields) + lifetime, _SUCCESS)

    def drop(self, keys: list[Held]) -> None:
        for key in keys:
            self._ask(bytes([_REMOVE]) + _packed(key.blob), _SUCCESS)

    def _ask(self, message: bytes, wanted: int) -> bytes:
        assert self._line is not None
        try:
            self._line.sendall(_packed(message))
            (length,) = struct.unpack(">I", self._read(4))
            if not 1 <= length <= _LARGEST:
                raise NoAgent("the ssh-agent's answer can not be read")
            answer = self._read(length)
        except OSError as problem:
            raise NoAgent("the ssh-agent does not answer") from problem
        if answer[0] != wanted:
            raise NoAgent("the ssh-agent refused")
        return answer[1:]

    def _read(self, count: int) -> bytes:
        assert self._line is not None
        data = b""
        while len(data) < count:
            piece = self._line.recv(count - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data


def _packed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _string(data: bytes, offset: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">I", data, offset)
    end = offset + 4 + length
    if end > len(data):
        raise ValueError("cut")
    return data[offset + 4 : end], end
