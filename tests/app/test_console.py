"""Who gets a console, and what its line to the API is good for."""

import asyncio
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.app.config_file import load_config
from gateway.app.console import FOR_STAFF, NOT_BY_CODE, Consoles, Line, by_roles
from gateway.core.errors import Refused
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import CertificateRow, TokenRow
from gateway.core.verdict import Allow, Deny
from gateway.session.live import LiveSessions
from gateway.session.organs import Judge

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOB = Principal("bob", "bob@example.com", roles=frozenset({"person", "approver"}))


class Books:
    """Two certificates: one of a sign-in with every role, one of a sign-in by code."""

    tokens = {  # noqa: RUF012 - nobody changes it
        "t-ALL111": TokenRow("t-ALL111", "", "bob", frozenset(), NOW, None),
        "t-CODE11": TokenRow("t-CODE11", "", "bob", frozenset({"person"}), NOW, None),
    }
    certificates = {  # noqa: RUF012
        number: CertificateRow(number, "bob", "", NOW, NOW + timedelta(hours=1), token=token)
        for number, token in ((1, "t-ALL111"), (2, "t-CODE11"), (3, "t-GONE11"), (4, ""))
    }

    async def certificate(self, serial: int) -> CertificateRow | None:
        return self.certificates.get(serial)

    async def token(self, id: str) -> TokenRow | None:
        return self.tokens.get(id)


def consoles(directory: Path, login: str = "") -> Consoles:
    config = directory / "hoop.toml"
    config.write_text(f'version = 1\n[listen]\nssh = "127.0.0.1:0"\n[gateway]\ndata_dir = "data"\n{login}')
    settings = load_config(config, environ={}).settings
    return Consoles(lambda: settings, Books(), lambda who: who, LiveSessions(), lambda: None)


def session(who: Principal, kind: str = "console") -> Session:
    return Session("s-1", who, Target("console", kind, "", 0), Peer("192.0.2.7", 4711), NOW)


@pytest.mark.parametrize(
    ("method", "roles", "why"),
    [
        ("ssh-key SHA256:abc", {"approver"}, ""),
        ("ssh-key SHA256:abc", set(), FOR_STAFF),
        ("ssh-certificate 1", {"approver"}, ""),
        ("ssh-certificate 4", {"auditor"}, ""),
        ("ssh-certificate 2", {"approver"}, NOT_BY_CODE),
        ("ssh-certificate 3", {"approver"}, NOT_BY_CODE),
        ("ssh-certificate 9", {"approver"}, NOT_BY_CODE),
        ("oidc demo", {"operator"}, NOT_BY_CODE),
        ("", {"admin"}, NOT_BY_CODE),
    ],
)
async def test_who_gets_one(tmp_path: Path, method: str, roles: set[str], why: str) -> None:
    who = replace(BOB, method=method, roles=frozenset({"person", *roles}))
    assert await consoles(tmp_path).why_not(session(who)) == why


async def test_a_code_may_be_enough(tmp_path: Path) -> None:
    made = consoles(tmp_path, '[login]\ndevice_roles = ["person", "approver"]\n')
    assert await made.why_not(session(replace(BOB, method="oidc demo"))) == ""


def test_rules_do_not_judge_consoles_and_all_else() -> None:
    judge = by_roles(lambda: Judge(lambda operation, session: Deny("no", "nothing"), "rev"))()
    asked = Operation("shell", "console", frozenset())
    assert judge.decide(asked, session(BOB)) == Allow("roles")
    assert isinstance(judge.decide(asked, session(BOB, "ssh")), Deny)
    assert judge.revision == "rev"


async def test_a_line_knows_who_comes_and_takes_its_own_token_only() -> None:
    """The app behind it sees the person's address, and asks the line who they are."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        identify = scope["hoop.identify"]
        seen.append((scope["client"], await identify(line.token, Peer(""))))
        with pytest.raises(Refused):
            await identify("hoop_t-ALL111_wrong", Peer(""))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def bob() -> Principal:
        return BOB

    line = Line(app, bob, Peer("192.0.2.7", 4711))
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    line.came(theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    writer.write(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert seen == [(("192.0.2.7", 4711), BOB)]
    line.close()
    assert await reader.read() == b""
    writer.close()


def test_an_order_is_what_a_console_is_told() -> None:
    from gateway.adapters.console.inside import _order
    from gateway.adapters.ssh.asked import Asked, Terminal

    asked = Asked("shell", "", Terminal("xterm", 80, 24), {b"COLORTERM": b"$(reboot)"})
    told = json.loads(_order(session(BOB), asked, "secret"))
    assert told == {"token": "secret", "name": "console", "term": "xterm", "colours": ""}
