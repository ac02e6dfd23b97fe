"""Mail, in plain ASCII: what belongs to one request is one thread, also where a message is sent twice.

The ids of messages follow from those of notices, so nothing has to be remembered for an answer to find its thread,
and a mailbox that gets one twice shows it once. Headers hold nothing but printable ASCII on one line.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as RULES
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib

from gateway.core.notices import OPENED, Notice
from gateway.core.plain import plain
from gateway.notify.receiver import Fetch, NotTaken
from gateway.notify.wording import said

Tls = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and who it is from and for."""

    host: str
    port: int
    tls: Tls
    sender: str
    to: Sequence[str]
    timeout: float
    user: str = ""
    password: Fetch | None = None
    ca_file: Path | None = None


class Mail:
    """Each message over a connection of its own."""

    kind = "mail"

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def send(self, notice: Notice) -> str:
        """Hand it in."""
        server = self._server
        password = (await server.password()).expose().decode() if server.password else None
        try:
            async with asyncio.timeout(server.timeout):
                return await self._hand_in(message(notice, server.sender, server.to), password)
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise NotTaken(f"the mail server gave no answer in {server.timeout:g} seconds") from None
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [each.code for each in refused.recipients]
            final = all(code >= 500 for code in codes)
            raise NotTaken(f"it takes mail for none of them (code {codes[0]})", final=final) from None
        except aiosmtplib.SMTPAuthenticationError as refused:
            raise NotTaken(f"the sign-in was refused (code {refused.code})") from None
        except aiosmtplib.SMTPResponseException as refused:
            said_to_it = plain(str(refused.message), 200)
            final = refused.code >= 500 and not isinstance(refused, aiosmtplib.SMTPConnectResponseError)
            raise NotTaken(f"it answered with code {refused.code}", final=final, said=said_to_it) from None
        except (aiosmtplib.SMTPException, ssl.SSLError, OSError) as problem:
            raise NotTaken(_unreachable(problem)) from None

    async def _hand_in(self, mail: EmailMessage, password: str | None) -> str:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=_domain(server.sender),
            use_tls=server.tls == "tls",
            start_tls=False,
            tls_context=_trust(server) if server.tls != "none" else None,
            timeout=server.timeout,
        )
        try:
            await client.connect()
            await client.ehlo()
            if server.tls == "starttls":
                if not client.supports_extension("starttls"):
                    raise NotTaken("it offers no STARTTLS, and nothing is sent in the clear")
                await client.starttls(tls_context=_trust(server))
            if server.user:
                await client.login(server.user, password or "")
            _, answer = await client.send_message(mail, sender=server.sender, recipients=list(server.to))
            return plain(answer, 200)
        finally:
            client.close()

    async def close(self) -> None:
        """Nothing stays open."""


def message(notice: Notice, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail about this notice."""
    words, mail = said(notice), EmailMessage(policy=RULES)
    opened = f"{notice.request}-opened" if notice.request else ""
    first = message_id(opened, sender)
    mail["From"] = Address("hoop", addr_spec=sender)
    mail["To"] = ", ".join(to)
    mail["Subject"] = f"[hoop] {words.title}"
    mail["Date"] = format_datetime(datetime.fromisoformat(notice.at))
    mail["Message-ID"] = message_id(notice.id, sender)
    if opened and notice.event != OPENED:
        mail["In-Reply-To"] = mail["References"] = first
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(words.lines()) + "\n", charset="us-ascii", cte="7bit")
    return mail


def message_id(id: str, sender: str) -> str:
    """The same for each attempt."""
    return f"<{''.join(each for each in id if each.isascii() and (each.isalnum() or each == '-'))}@{_domain(sender)}>"


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2]


def _trust(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ValueError):
        raise NotTaken("its ca_file can not be read, or has no certificate in it") from None


def _unreachable(problem: BaseException) -> str:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not one we trust; ca_file can name its authority"
        cause = cause.__cause__ or cause.__context__
    if isinstance(problem, aiosmtplib.SMTPNotSupported):
        return "it offers no way to sign in that we know"
    return "the mail server can not be reached, or is none"
