"""Notices out, put together from one configuration: the herald who follows the ledger, a messenger for each receiver.

It decides nothing: it wires. Without a receiver nothing of it runs, and what speaks to receivers is not even loaded.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.app.config_file import LoadedConfig
from gateway.app.config_values import SecretReference
from gateway.app.settings_notify import (
    AnyNotify,
    MailTable,
    SlackTable,
    SyslogTable,
    TeamsTable,
    WebhookTable,
)
from gateway.core.errors import Fault
from gateway.core.notices import RISKS
from gateway.core.ports import Bus, Clock, Secrets
from gateway.core.secret import Secret

if TYPE_CHECKING:
    from gateway.notify.herald import Book, Herald
    from gateway.notify.messenger import Messenger
    from gateway.notify.receiver import Fetch, Receiver
    from gateway.notify.routes import Route

KEPT = timedelta(days=3)
"""How long the queue remembers what was sent: longer than anything waits."""
SWEEP = 3600.0

log = logging.getLogger("hoop.notify")


class Notices:
    """`start`, `reload` when there is another configuration, then `stop` once."""

    def __init__(self, book: "Book", bus: Bus, clock: Clock, secrets: Secrets, home: str) -> None:
        self._book = book
        self._bus = bus
        self._clock = clock
        self._secrets = secrets
        self._home = home
        self._config: LoadedConfig | None = None
        self._herald: Herald | None = None
        self._messengers: dict[str, tuple[AnyNotify, Messenger]] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, config: LoadedConfig) -> None:
        """Tell receivers from now on. What was on its way when this installation was killed is sent again."""
        if config.settings.notify:
            await self._book.release(self._home)
        await self.reload(config)

    async def reload(self, config: LoadedConfig) -> None:
        """Tell the receivers of this configuration. Those that stay as they are are not disturbed."""
        self._config, tables = config, config.settings.notify
        for name in [name for name, (table, _) in self._messengers.items() if tables.get(name) != table]:
            _, gone = self._messengers.pop(name)
            await gone.stop()
        for name, table in tables.items():
            if name not in self._messengers:
                messenger = self._messenger(name, table)
                self._messengers[name] = (table, messenger)
                messenger.start()
        if tables and self._herald is None:
            self._herald = self._make_herald(config.settings.gateway.name)
            self._herald.start()
            self._sweeper = asyncio.create_task(self._sweep(), name="notices that are over")
        elif not tables:
            await self._end_herald()

    async def stop(self) -> None:
        """Tell nobody any more. What is queued stays so."""
        had = bool(self._messengers)
        await self._end_herald()
        for _, messenger in self._messengers.values():
            await messenger.stop()
        self._messengers.clear()
        if had:
            try:
                await self._book.release(self._home)
            except Fault:
                pass  # they are free when their lease is over

    async def say(self) -> str | None:
        """How many notices wait and were given up, for `/readyz`: receivers that are down do not make us unready."""
        if self._config is None or not self._config.settings.notify:
            return "no receivers"
        found = await self._book.notices_waiting()
        return f"{sum(found.waiting.values())} wait, {sum(found.failed.values())} given up in three days"

    async def _end_herald(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
        if self._herald is not None:
            await self._herald.stop()
        self._herald = self._sweeper = None

    def _make_herald(self, gateway: str) -> "Herald":
        from gateway.notify.herald import Herald, Knowing

        knowing = Knowing(self._routes, _masked, self._risk_of)
        return Herald(self._book, self._bus, self._clock, gateway, knowing, self._wake)

    def _wake(self) -> None:
        for _, messenger in self._messengers.values():
            messenger.wake()

    def _routes(self) -> "Sequence[Route]":
        from gateway.notify.routes import Route

        return [
            Route(
                name,
                table.send,
                table.min_risk or "",
                table.targets,
                table.labels,
                table.statement,
                table.give_up,
            )
            for name, (table, _) in self._messengers.items()
        ]

    def _risk_of(self, rule: str) -> str:
        rules = self._config.policy.rules if self._config is not None else ()
        risk = next((each.risk for each in rules if each.id == rule), "")
        return risk if risk in RISKS else ""

    def _messenger(self, name: str, table: AnyNotify) -> "Messenger":
        from gateway.notify.messenger import Messenger

        return Messenger(
            name,
            receiver(table, self._secrets, self._clock),
            self._book,
            self._clock,
            owner=self._home,
            lease=table.timeout.total_seconds() * 2 + 10,
            give_up=table.give_up,
        )

    async def _sweep(self) -> None:
        while True:
            try:
                await self._book.forget_notices(self._clock.now() - KEPT)
            except Fault as problem:
                log.debug("notices that are over can not be forgotten: %s", problem.sentence)
            await asyncio.sleep(SWEEP)


def receiver(table: AnyNotify, secrets: Secrets, clock: Clock) -> "Receiver":
    """Who speaks to it. Each kind's module is loaded where there is one of the kind."""

    def fetch(reference: SecretReference) -> "Fetch":
        async def found() -> Secret:
            return await secrets.fetch(reference.as_mapping())

        return found

    seconds = table.timeout.total_seconds()
    if isinstance(table, MailTable):
        return _mail(table, seconds, fetch)
    if isinstance(table, SyslogTable):
        from gateway.notify.syslog import Syslog, SyslogServer

        server = table.server
        return Syslog(SyslogServer(server.host, server.port, table.transport, seconds, table.ca_file))
    from gateway.notify.http import Poster

    poster = Poster(fetch(table.url), seconds, table.ca_file)
    if isinstance(table, SlackTable):
        from gateway.notify.slack import Slack

        return Slack(poster)
    if isinstance(table, TeamsTable):
        from gateway.notify.teams import Teams

        return Teams(poster)
    from gateway.notify.webhook import Webhook

    assert isinstance(table, WebhookTable)
    known = (table.secret, table.old_secret) if table.old_secret is not None else (table.secret,)
    return Webhook(poster, [fetch(each) for each in known], clock)


def _mail(table: MailTable, seconds: float, fetch: "Callable[[SecretReference], Fetch]") -> "Receiver":
    from gateway.notify.mail import Mail, MailServer

    return Mail(
        MailServer(
            table.server.host,
            table.server.port,
            table.tls,
            table.sender,
            table.to,
            seconds,
            table.user or "",
            fetch(table.password) if table.password is not None else None,
            table.ca_file,
        )
    )


def _masked(text: str) -> str:
    from gateway.masking.detectors import DETECTORS
    from gateway.masking.text import TextMasker

    return TextMasker(frozenset(DETECTORS)).mask_text(text)[0]
