"""What only shows when the settings about notices are seen together: mail without a password, text without TLS."""

from collections.abc import Iterator

from gateway.app.config_problems import Path
from gateway.app.settings import Settings
from gateway.app.settings_notify import MailTable, NotifyTable, SyslogTable

Finding = tuple[Path, str]


def check_notify(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    for name, table in settings.notify.items():
        for key, sentence in _wrong(table):
            yield ("notify", name, key), sentence


def _wrong(table: NotifyTable) -> Iterator[tuple[str, str]]:
    if isinstance(table, MailTable):
        if (table.user is None) != (table.password is None):
            yield (
                "user" if table.user is None else "password",
                "is missing: user and password belong together",
            )
        if table.tls == "none" and not table.server.is_loopback:
            yield "tls", 'can be "none" for a mail server on this machine only'
        if table.tls == "none" and table.user is not None:
            yield "tls", "can not be none where a password is sent"
        if table.tls == "none" and table.ca_file is not None:
            yield "ca_file", "does nothing without TLS"
    if isinstance(table, SyslogTable) and table.transport != "tls":
        if table.ca_file is not None:
            yield "ca_file", "does nothing without TLS"
        if table.statement and not table.server.is_loopback:
            yield "statement", 'needs transport = "tls": what was typed is not sent in the clear'
