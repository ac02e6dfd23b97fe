"""A vault for tests: an HTTP server on 127.0.0.1 that answers as the documented API of Vault and OpenBao does.

It is strict: a question that is not byte for byte as documented is noted in `wrong`, and the fixture fails the test.
`moods` makes a path misbehave. Time is the test's own clock, so that tokens and leases end when a test says so.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncssh

PLAIN = {"x-vault-request": "true", "accept-encoding": "identity"}


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Asked:
    """A question as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Token:
    ends_at: float
    last_at: float
    """No renewal goes beyond."""


@dataclass
class Loan:
    place: str
    token: str
    ends_at: float


Reply = tuple[int, Mapping[str, Any] | bytes | None]
Mood = Callable[[asyncio.StreamWriter], Awaitable[None]]


def error(*sentences: str) -> Mapping[str, Any]:
    return {"errors": list(sentences)}


@dataclass
class VaultDouble:
    """`start`, use, `stop`. Everything in it can be looked at and changed while it runs."""

    now: Callable[[], float]
    namespace: str = ""
    kv1: dict[str, dict[str, Any]] = field(default_factory=dict)
    kv2: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    """The secret_id, or the JWT, by mount and role."""
    tokens: dict[str, Token] = field(default_factory=dict)
    token_ttl: int = 600
    token_longest: int = 3600
    lease_ttl: int = 60
    lease_longest: int = 600
    loans: dict[str, Loan] = field(default_factory=dict)
    renewals: int = 0
    forbidden: set[str] = field(default_factory=set)
    moods: dict[str, Reply | Mood] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ca: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    sign_as: dict[str, Any] = field(default_factory=dict)
    """What the SSH engine puts into certificates against what it was asked for."""
    tls: ssl.SSLContext | None = None
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await server.wait_closed()

    def token(self, *, lasts: float = 1e9) -> str:
        """A new one, as an operator would make it."""
        made = f"hvs.{secrets.token_urlsafe(18)}"
        self.tokens[made] = Token(self.now() + lasts, self.now() + lasts)
        return made

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                mood = self.moods.get(asked.path)
                if callable(mood):
                    await mood(writer)
                    continue
                _write(writer, *(mood if mood is not None else self._answer(asked)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, asked: Asked) -> Reply:
        body = self._checked(asked)
        parts = asked.path.split("/")
        if asked.path.startswith("auth/") and asked.path.endswith("/login"):
            return self._login("/".join(parts[1:-1]), body)
        token = asked.headers.get("x-vault-token", "")
        held = self.tokens.get(token)
        if held is None or held.ends_at <= self.now() or asked.path in self.forbidden:
            return 403, error("1 error occurred:\n\t* permission denied\n\n")
        return self._known(asked, body, token)

    def _checked(self, asked: Asked) -> dict[str, Any]:
        """What every question must look like."""
        expected = dict(PLAIN)
        if self.namespace:
            expected["x-vault-namespace"] = self.namespace
        login = asked.path.startswith("auth/") and asked.path.endswith("/login")
        extra = set() if login else {"x-vault-token"}
        if asked.method != "GET":
            extra |= {"content-type", "content-length"}
        about_http = {"host", "accept", "connection", "user-agent"}
        found = set(asked.headers) - about_http
        if found != set(expected) | extra or any(asked.headers[key] != expected[key] for key in expected):
            self.wrong.append(f"{asked.method} {asked.path}: headers {asked.headers}")
        if asked.method == "GET":
            if asked.body:
                self.wrong.append(f"GET {asked.path}: has a body")
            return {}
        if asked.headers.get("content-type") != "application/json":
            self.wrong.append(f"{asked.method} {asked.path}: not JSON")
        return dict(json.loads(asked.body))

    def _login(self, mount: str, body: dict[str, Any]) -> Reply:
        role = body.get("role_id") if mount == "approle" else body.get("role")
        proof = body.get("secret_id") if mount == "approle" else body.get("jwt")
        if set(body) != ({"role_id", "secret_id"} if mount == "approle" else {"role", "jwt"}):
            self.wrong.append(f"login at {mount}: {sorted(body)}")
        if not any(known == mount for known, _ in self.roles):
            return 404, error("no handler for route")
        if self.roles.get((mount, str(role))) != proof:
            return (400 if mount == "approle" else 403), error("invalid role or secret ID")
        made = f"hvs.{secrets.token_urlsafe(18)}"
        self.tokens[made] = Token(self.now() + self.token_ttl, self.now() + self.token_longest)
        auth = {"client_token": made, "accessor": "a", "policies": ["default"], "renewable": True}
        return 200, {"auth": {**auth, "lease_duration": self.token_ttl}}

    def _known(self, asked: Asked, body: dict[str, Any], token: str) -> Reply:
        match asked.method, asked.path:
            case "GET", "auth/token/lookup-self":
                return 200, {"data": {"id": token}}
            case "POST", "auth/token/renew-self":
                held = self.tokens[token]
                held.ends_at = min(self.now() + self.token_ttl, held.last_at)
                lasts = int(held.ends_at - self.now())
                return 200, {"auth": {"client_token": token, "lease_duration": lasts, "renewable": True}}
            case "POST", "auth/token/revoke-self":
                del self.tokens[token]
                self.loans = {id: loan for id, loan in self.loans.items() if loan.token != token}
                return 204, None
            case "GET", path if path in self.kv1:
                return 200, {"lease_id": "", "lease_duration": 2764800, "data": self.kv1[path]}
            case "GET", path if path in self.kv2:
                return self._version_2(self.kv2[path])
            case "POST", path if "/sign/" in path:
                return self._sign(body)
            case "GET", path if "/creds/" in path:
                return self._lend(path, token)
            case "PUT", "sys/leases/renew":
                return self._renew(body)
            case "PUT", "sys/leases/revoke":
                if set(body) != {"lease_id", "sync"}:
                    self.wrong.append(f"revoke: {sorted(body)}")
                return (
                    (204, None) if self.loans.pop(body["lease_id"], None) else (400, error("invalid lease"))
                )
        return 404, error()

    def _version_2(self, versions: list[dict[str, Any]]) -> Reply:
        metadata: dict[str, Any] = {"created_time": "2026-06-01T12:00:00Z", "version": len(versions)}
        metadata |= {"custom_metadata": None, "destroyed": False}
        if not versions[-1]:  # deleted
            return 404, {"data": {"data": None, "metadata": {**metadata, "deletion_time": "2026-06-02"}}}
        return 200, {"data": {"data": versions[-1], "metadata": {**metadata, "deletion_time": ""}}}

    def _sign(self, body: dict[str, Any]) -> Reply:
        if set(body) != {"public_key", "valid_principals", "cert_type", "ttl"} or body["cert_type"] != "user":
            self.wrong.append(f"sign: {body}")
        wish = {"key": body["public_key"], "principals": [body["valid_principals"]], "kind": "user"}
        wish |= self.sign_as
        key = asyncssh.import_public_key(wish["key"])
        lasts = {"valid_after": "now", "valid_before": "+" + body["ttl"]}
        if wish["kind"] == "user":
            made = self.ca.generate_user_certificate(key, "vault", principals=wish["principals"], **lasts)
        else:
            made = self.ca.generate_host_certificate(key, "vault", principals=wish["principals"], **lasts)
        line = made.export_certificate().decode()
        return 200, {"data": {"serial_number": "c73f26d2340276aa", "signed_key": line}}

    def _lend(self, place: str, token: str) -> Reply:
        id = f"{place}/{secrets.token_urlsafe(12)}"
        self.loans[id] = Loan(place, token, self.now() + self.lease_ttl)
        self._born = self.now()
        data = {"username": f"v-role-{len(self.loans)}", "password": f"canary-{secrets.token_urlsafe(12)}"}
        return 200, {"lease_id": id, "lease_duration": self.lease_ttl, "renewable": True, "data": data}

    def _renew(self, body: dict[str, Any]) -> Reply:
        if set(body) != {"lease_id", "increment"}:
            self.wrong.append(f"renew: {sorted(body)}")
        loan = self.loans.get(body["lease_id"])
        if loan is None or loan.ends_at <= self.now() or loan.token not in self.tokens:
            return 400, error("lease not found")
        loan.ends_at = min(self.now() + body["increment"], self._born + self.lease_longest)
        self.renewals += 1
        lasts = int(loan.ends_at - self.now())
        return 200, {"lease_id": body["lease_id"], "lease_duration": lasts, "renewable": True}


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except asyncio.IncompleteReadError as problem:
        if problem.partial:
            raise
        return None
    line, *lines = head.split("\r\n")[:-2]
    method, path, version = line.split(" ")
    assert version == "HTTP/1.1"
    headers = {}
    for text in lines:
        name, _, value = text.partition(": ")
        assert name.lower() not in headers
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    assert path.startswith("/v1/")
    return Asked(method, path.removeprefix("/v1/"), headers, body)


def _write(writer: asyncio.StreamWriter, status: int, body: Mapping[str, Any] | bytes | None) -> None:
    text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "Content-Type: application/json\r\n" if body else ""
    length = "" if status == 204 else f"Content-Length: {len(text)}\r\n"
    # A redirect leads back to the server itself, so that following it would be seen.
    where = "Location: /v1/elsewhere\r\n" if 300 <= status < 400 else ""
    writer.write(f"HTTP/1.1 {status} Status\r\n{kind}{length}{where}\r\n".encode() + text)
