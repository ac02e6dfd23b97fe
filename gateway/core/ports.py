"""Ports: what the inner rooms need from the outside world, as Protocols.

The book of record is the Ledger; the Bus only carries hints. Every implementation of a port passes the same
contract tests (tests/contracts).
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gateway.core.approval import Approval as Approval
from gateway.core.approval import Decision as Decision
from gateway.core.approval import Grant as Grant
from gateway.core.approval import Remark as Remark
from gateway.core.approval import Requests
from gateway.core.events import Event
from gateway.core.secret import Secret

LEASE = timedelta(seconds=15)
"""How long a session counts as live after its gateway last said so."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as the ledger keeps it."""

    seq: int
    at: datetime
    name: str
    session: str
    actor: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as staff see it, derived from its events."""

    id: str
    person: str
    target: str
    kind: str
    login: str
    address: str
    client: str
    labels: Mapping[str, str]
    recording: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    commands: int = 0
    blocked: int = 0
    held: int = 0
    masked: Mapping[str, int] | None = None
    bytes_shown: int = 0
    imported_from: str = ""
    gateway: str = ""
    """The gateway that it is, or was, open in."""
    seen_at: datetime | None = None
    """When that gateway last said that it is alive. Silent for longer than a `LEASE`, and not ended: it is lost."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its secret."""

    id: str
    digest: str
    person: str
    """The id of whose it is."""
    roles: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked: bool = False
    kind: str = "api"
    """`api`: made by an operator. `login`: by signing in. `database`: a password for one target. `machine`: a short
    one for a machine. `secret`: what a machine gets those with."""
    target: str = ""
    label: str = ""
    parent: str = ""
    """The token that it was made with, and ends with."""
    created_by: str = ""
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody whom an identity provider vouches for."""

    id: str
    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    created_at: datetime
    checked_at: datetime
    """When the provider last vouched for them."""
    sealed: bytes = b""
    """What the provider can be asked again with, encrypted."""
    gone: bool = False
    """Asked again, the provider said no. Signing in there anew makes it false."""


@dataclass(frozen=True, slots=True)
class LockRow:
    """Somebody who may not come in."""

    person: str
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate that was signed for somebody, for SSH or for databases."""

    serial: int
    person: str
    fingerprint: str
    issued_at: datetime
    expires_at: datetime
    address: str = ""
    token: str = ""
    """The token that it was asked for with, and ends with."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class PasswordRow:
    """How somebody signs in without a provider."""

    person: str
    phc: str
    """The password's hash, as argon2 writes it."""
    changed_at: datetime
    totp: bytes = b""
    """The secret that codes are made from, encrypted; empty where there is none."""
    last_step: int = 0
    """The last half minute whose code was used."""


class Register(Protocol):
    """Who is known, and by what: the part of the book of record that says who may come in."""

    async def add_token(self, token: TokenRow, event: Event) -> None: ...

    async def token(self, id: str) -> TokenRow | None: ...

    async def tokens(self) -> Sequence[TokenRow]: ...

    async def revoke_token(self, id: str, event: Event) -> bool:
        """End a token, and the tokens and certificates that were made with it. False: it was over already."""
        ...

    async def token_used(self, id: str, at: datetime) -> None: ...

    async def renew_token(self, id: str, digest: str, fresh: str, expires_at: datetime, event: Event) -> bool:
        """Give a token another secret and a later end; what was made with it stays. False: its digest is not `digest`
        any more, or it is over."""
        ...

    async def keep_person(self, row: PersonRow, event: Event | None) -> bool:
        """Keep somebody, or what has changed of them. False, and nothing kept: their name is or was another's."""
        ...

    async def forget_person(self, id: str, event: Event) -> bool:
        """Let others have their names, and end all that they hold. False: nobody has this id."""
        ...

    async def person(self, id: str) -> PersonRow | None: ...

    async def people(self) -> Sequence[PersonRow]: ...

    async def lock_person(self, lock: LockRow, event: Event) -> bool:
        """Keep somebody out, and end all their tokens and certificates. False: they were locked already."""
        ...

    async def unlock_person(self, person: str, event: Event) -> bool: ...

    async def locks(self) -> Sequence[LockRow]: ...

    async def add_certificate(self, row: CertificateRow, event: Event) -> None: ...

    async def certificate(self, serial: int) -> CertificateRow | None: ...

    async def certificates(self, person: str = "") -> Sequence[CertificateRow]:
        """Newest first."""
        ...

    async def revoke_certificate(self, serial: int, event: Event) -> bool: ...

    async def password(self, person: str) -> PasswordRow | None: ...

    async def set_password(self, row: PasswordRow, event: Event) -> None: ...

    async def rehash_password(self, person: str, old: str, new: str) -> bool:
        """Compare-and-set of the hash of an unchanged password. False: it is not what it was, or there is none."""
        ...

    async def use_totp_step(self, person: str, step: int) -> bool:
        """Compare-and-set. False: the code of that half minute, or of a later one, was used before."""
        ...

    async def revoked(self, since: datetime) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """The ids of tokens and the serial numbers of certificates that were ended before their time, of those that
        would have lasted beyond `since`."""
        ...

    async def people_version(self) -> int:
        """Grows with every change above but those of use: whoever remembers people looks again then."""
        ...


class Ledger(Register, Requests, Protocol):
    """The book of record. Every write is durable when its call returns; a failed write raises `Fault`."""

    async def append(self, event: Event) -> int:
        """Keep an event (and what is derived from it) and return its sequence number."""
        ...

    async def entries(self, *, after: int = 0, session: str = "", limit: int = 500) -> Sequence[Entry]: ...

    async def session(self, id: str) -> SessionRow | None: ...

    async def sessions(
        self,
        *,
        live: bool | None = None,
        person: str = "",
        target: str = "",
        limit: int = 200,
        or_called: bool = False,
    ) -> Sequence[SessionRow]:
        """Newest first. `or_called`: also of those whose name is `person` before its @; only for those who may see
        everybody's."""
        ...

    async def find_sessions(self, prefix: str) -> Sequence[SessionRow]:
        """The sessions whose id starts with `prefix`; at most ten."""
        ...

    async def policy_number(self, revision: str) -> int:
        """Of the newest policy that decisions name so; 0: there is none."""
        ...

    async def keep_alive(self, sessions: Collection[str]) -> AbstractSet[str]:
        """Note that these sessions are alive now, in one write. Those that are returned have been ended in the ledger
        meanwhile, by somebody who took them for lost."""
        ...

    async def end_lost_sessions(
        self, outcome: str, lease: timedelta, living: Collection[str]
    ) -> Sequence[str]:
        """End the sessions of this gateway that nobody has said to be alive for as long as `lease`, but for those
        that the caller knows to be `living`, and return their ids."""
        ...

    async def check(self) -> None:
        """Raise `Fault` unless a write would succeed now."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed: look again. Topics: `session`, `recording`, `approval`, `config`."""

    topic: str
    key: str


class Bus(Protocol):
    """Carries hints, may lose them: whoever waits re-reads the ledger on a hint and every few seconds."""

    async def publish(self, hint: Hint) -> None: ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Hint]]:
        """Hints of these topics (all, when none is named) from the moment the context is entered. A slow
        subscriber loses its oldest hints rather than holding up the publisher."""
        ...


class BlobWriter(Protocol):
    """An object being written, append-only. Not safe for concurrent use."""

    async def append(self, data: bytes) -> None:
        """Hand `data` to the operating system: it survives a killed gateway when this returns."""
        ...

    def append_at_once(self, data: bytes) -> bool:
        """The same, if it takes no longer than to copy so much. False: nothing was done, await `append`."""
        ...

    async def append_made(self, make: Callable[[], Sequence[bytes]]) -> None:
        """Append the pieces that `make` returns. It is called, once, off the event loop: for what takes time to make.
        Cancelled, they are made and appended all the same before the cancellation goes on."""
        ...

    async def sync(self) -> None:
        """Make what was appended survive a power cut. A failed sync stays failed: never retried as success."""
        ...

    async def close(self) -> None:
        """Sync and close."""
        ...


class Blobs(Protocol):
    """Objects by key, such as recordings. Keys are `a-z0-9-/.` paths that the gateway makes itself."""

    async def create(self, key: str) -> BlobWriter:
        """Start a new object. Raises `Fault` if the key exists or there is no room."""
        ...

    async def read(self, key: str, offset: int = 0, limit: int = 1 << 20) -> bytes:
        """Up to `limit` bytes from `offset`; empty at the end. Raises `KeyError` for an unknown key."""
        ...

    async def size(self, key: str) -> int: ...

    async def keys(self, prefix: str = "") -> Sequence[str]: ...

    async def check(self) -> None:
        """Raise `Fault` unless a write would succeed now."""
        ...


class Secrets(Protocol):
    """Fetches a target's credential when it is used."""

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """`{"env": NAME}`, `{"file": PATH}`, `{"command": [...]}`, `{"vault": "PATH#FIELD"}` or `{"aws": NAME}`.
        Raises `Fault`; never names the value."""
        ...

    def forget(self, reference: Mapping[str, Any]) -> None:
        """The target refused what was fetched: it may have been changed, so whoever comes now gets it afresh."""
        ...


class KeySigner(Protocol):
    """Somebody else's authority, which signs keys of the gateway's for one account."""

    async def sign_ssh(self, reference: Mapping[str, Any], public_key: str, principal: str) -> str:
        """A short certificate for `public_key`, both a line of OpenSSH, that lets it in as `principal`.
        `{"vault_ssh": "MOUNT/sign/ROLE"}`. Raises `Fault`."""
        ...


class Clock(Protocol):
    """Time, so that tests can hold it still."""

    def now(self) -> datetime:
        """Wall time, UTC, aware."""
        ...

    def monotonic_us(self) -> int:
        """Microseconds of a clock that never runs backwards."""
        ...
