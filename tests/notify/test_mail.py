"""Mail to a real SMTP server: threads, TLS, sign-ins, and servers that refuse or are slow."""

import asyncio
import email
import email.policy
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from gateway.notify.mail import Mail, MailServer, Tls
from gateway.notify.receiver import NotTaken
from tests.notify.receivers import HOSTILE, fetch, notice
from tests.secrets.certificates import Certificates

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@dataclass
class Box:
    """What was handed in."""

    got: list[Envelope] = field(default_factory=list)
    refuses: str = ""
    on_data: str = ""
    port: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, to: str, options: Any) -> str:
        if self.refuses and to.startswith(self.refuses):
            return "550 nobody of this name"
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.on_data:
            return self.on_data
        self.got.append(envelope)
        return "250 taken"

    @property
    def mails(self) -> list[EmailMessage]:
        found = []
        for each in self.got:
            assert isinstance(each.content, bytes)
            mail = email.message_from_bytes(each.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
        return found


def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"hoop" and data.password == b"open sesame", handled=False)


@asynccontextmanager
async def post_office(
    tls: ssl.SSLContext | None = None, implicit: bool = False, **more: Any
) -> AsyncIterator[Box]:
    """A running server. `tls`: by STARTTLS, or from the beginning."""
    box, loop = Box(), asyncio.get_running_loop()
    start = None if implicit else tls

    sessions: list[SMTP] = []

    def made() -> SMTP:
        more_of_it: dict[str, Any] = {"tls_context": start, "require_starttls": bool(start), "loop": loop}
        sessions.append(SMTP(box, hostname="mail.test", **more_of_it, **more))
        return sessions[-1]

    server = await loop.create_server(made, "127.0.0.1", 0, ssl=tls if implicit else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for each in sessions:  # a handshake that failed leaves its connection to whoever has made it
            for transport in (each.transport, each._original_transport):
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
        await asyncio.sleep(0.05)
        await server.wait_closed()


def to(port: int, tls: Tls = "none", **more: Any) -> Mail:
    sender = more.pop("sender", "hoop@example.com")
    boxes = more.pop("to", ["oncall@example.com"])
    return Mail(MailServer("127.0.0.1", port, tls, sender, boxes, more.pop("timeout", 5), **more))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "mail")


def context(certificates: Certificates) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificates.server("127.0.0.1"))
    return made


async def test_what_belongs_together_is_one_thread() -> None:
    async with post_office() as box:
        mail = to(box.port, to=["oncall@example.com", "audit@example.com"])
        assert "taken" in await mail.send(notice())
        decided = replace(notice(), id="7QF-2KM-over", event="approval.decided", state="approved", by="bob")
        await mail.send(decided)
        await mail.send(decided)
        first, second, again = box.mails
        assert box.got[0].rcpt_tos == ["oncall@example.com", "audit@example.com"]
        assert box.got[0].mail_from == "hoop@example.com"
    assert first["Subject"] == "[hoop] 7QF-2KM waits for approval: delete on appdb"
    assert first["Message-ID"] == "<7QF-2KM-opened@example.com>"
    assert first["In-Reply-To"] is None
    assert first["Auto-Submitted"] == "auto-generated"
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Message-ID"] == again["Message-ID"] != first["Message-ID"]
    assert "hoop-tui review show 7QF-2KM" in first.get_content()
    assert "alice@example.com" in first.get_content()


async def test_nothing_that_is_written_becomes_a_header_or_a_recipient() -> None:
    async with post_office() as box:
        mail = to(box.port)
        for text in HOSTILE:
            await mail.send(notice(person=text, target=text, verb=text, statement=text, request=text[:20]))
        for envelope, found in zip(box.got, box.mails, strict=True):
            assert envelope.rcpt_tos == ["oncall@example.com"]
            assert found["Bcc"] is None
            assert found["To"] == "oncall@example.com"
            assert found.get_content_type() == "text/plain"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_tls_is_verified_and_the_sign_in_goes_only_there(certificates: Certificates, tls: Tls) -> None:
    more = {"authenticator": knows, "auth_required": True, "auth_require_tls": tls == "starttls"}
    async with post_office(context(certificates), implicit=tls == "tls", **more) as box:
        known = {"user": "hoop", "ca_file": certificates.file}
        await to(box.port, tls, password=fetch("open sesame"), **known).send(notice())
        assert len(box.got) == 1
        with pytest.raises(NotTaken, match="the sign-in was refused") as refused:
            await to(box.port, tls, password=fetch("wrong"), **known).send(notice())
        assert not refused.value.final
        with pytest.raises(NotTaken, match="its certificate is not one we trust"):
            await to(box.port, tls, user="hoop", password=fetch("open sesame")).send(notice())
        assert len(box.got) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with post_office() as box:
        with pytest.raises(NotTaken, match="it offers no STARTTLS"):
            await to(box.port, "starttls").send(notice())
        assert box.got == []


async def test_refusals_that_last_and_others() -> None:
    async with post_office() as box:
        box.refuses = "oncall"
        with pytest.raises(NotTaken, match="it takes mail for none of them") as refused:
            await to(box.port).send(notice())
        assert refused.value.final
        await to(box.port, to=["oncall@example.com", "audit@example.com"]).send(notice())
        assert box.got[0].rcpt_tos == ["audit@example.com"]
        for answer, final in (("554 no", True), ("451 later", False)):
            box.refuses, box.on_data = "", answer
            with pytest.raises(NotTaken) as refused:
                await to(box.port).send(notice())
            assert refused.value.final == final


async def test_a_server_that_drips_has_so_long_in_all() -> None:
    over = asyncio.Event()

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"220-still greeting\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            over.set()

    server = await asyncio.start_server(drips, "127.0.0.1", 0)
    began = time.monotonic()
    with pytest.raises(NotTaken, match=r"gave no answer in 0\.5 seconds"):
        await to(server.sockets[0].getsockname()[1], timeout=0.5).send(notice())
    assert time.monotonic() - began < 5
    await asyncio.wait_for(over.wait(), 10)
    server.close()
    await server.wait_closed()


async def test_no_server_at_all() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotTaken, match="can not be reached"):
        await to(port).send(notice())
