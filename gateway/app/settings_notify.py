"""The settings about notices: who is told what of what happens, outside of the gateway.

How each kind of receiver is spoken to is the notify room's. What needs a look at more than one key is in
config_notify.py.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from gateway.app.config_problems import did_you_mean
from gateway.app.settings_kinds import (
    Duration,
    FilePath,
    ListenAddress,
    SecretRef,
    Table,
    Word,
    each_once,
    from_to,
    says,
)
from gateway.core.notices import NAMES, PATTERNS

_ADDRESS = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$"


def _name(given: str) -> str:
    if given not in (*NAMES, *PATTERNS):
        hint = did_you_mean(given, (*NAMES, *PATTERNS)) or f"; known: {', '.join((*PATTERNS, 'break_glass'))}"
        raise says(f"is nothing that can be sent{hint}")
    return given


def _mail_address(given: object) -> str:
    if not isinstance(given, str) or not re.fullmatch(_ADDRESS, given):
        raise says('must be a mail address, as in "oncall@example.com"')
    return given


def _patterns(given: str) -> str:
    if not given or not given.isprintable() or any(letter in given for letter in "[]?"):
        raise says('must be the name of a target, with a "*" where it is a pattern')
    return given


MailAddress = Annotated[str, BeforeValidator(_mail_address)]
EventName = Annotated[str, AfterValidator(_name)]
TargetPattern = Annotated[str, AfterValidator(_patterns)]


class NotifyTable(Table):
    """What every `[notify.NAME]` says."""

    kind: str
    send: Annotated[tuple[EventName, ...], Strict(False), AfterValidator(each_once)]
    min_risk: Literal["low", "medium", "high", "critical"] | None = None
    targets: Annotated[tuple[TargetPattern, ...], Strict(False)] = ()
    labels: Mapping[Word, str] = Field(default_factory=dict)
    statement: bool = False
    timeout: Annotated[Duration, from_to("1s", "1m")] = timedelta(seconds=10)
    give_up: Annotated[Duration, from_to("1m", "1d")] = timedelta(hours=1)


class WebhookTable(NotifyTable):
    """A program that takes signed POSTs."""

    kind: Literal["webhook"]
    url: SecretRef
    secret: SecretRef
    old_secret: SecretRef | None = None
    ca_file: FilePath | None = None


class SlackTable(NotifyTable):
    """A channel of Slack, or of what takes the same."""

    kind: Literal["slack"]
    url: SecretRef
    ca_file: FilePath | None = None


class TeamsTable(NotifyTable):
    """A channel of Microsoft Teams."""

    kind: Literal["teams"]
    url: SecretRef
    ca_file: FilePath | None = None


class MailTable(NotifyTable):
    """Mailboxes."""

    kind: Literal["mail"]
    server: ListenAddress
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: FilePath | None = None
    user: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")] | None = None
    password: SecretRef | None = None
    sender: MailAddress
    to: Annotated[tuple[MailAddress, ...], Strict(False), AfterValidator(each_once), Field(max_length=50)]


class SyslogTable(NotifyTable):
    """A syslog server."""

    kind: Literal["syslog"]
    server: ListenAddress
    transport: Literal["udp", "tcp", "tls"] = "tls"
    ca_file: FilePath | None = None


NOTIFY_KINDS: Mapping[str, type[NotifyTable]] = {
    "webhook": WebhookTable,
    "slack": SlackTable,
    "teams": TeamsTable,
    "mail": MailTable,
    "syslog": SyslogTable,
}
"""The tables by what `kind` says."""

AnyNotify = WebhookTable | SlackTable | TeamsTable | MailTable | SyslogTable
OneNotify = Annotated[AnyNotify, Field(discriminator="kind")]
ReceiverName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
NotifyTables = Mapping[ReceiverName, OneNotify]
