"""The identity providers of the configuration: found by name, asked again about people while they are signed in.

What a provider can be asked again with is sealed before it goes anywhere. Nobody is signed in here. Without any, what
speaks to them is not even loaded.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.app.config_values import SecretReference
from gateway.app.settings_people import ALGORITHMS, IssuerTable, MachineTable
from gateway.core.errors import Fault, Refused
from gateway.core.people import Principal
from gateway.core.ports import Clock, PersonRow, Secrets
from gateway.core.secret import Secret
from gateway.identity.directory import Directory
from gateway.identity.directory import Vouched as Kept
from gateway.identity.sealing import Sealer

if TYPE_CHECKING:
    from gateway.identity.oidc.claims import Vouched
    from gateway.identity.oidc.issuer import FetchSecret, Issuer
    from gateway.identity.oidc.provider import Provider

log = logging.getLogger("hoop.identity")


class Providers:
    """Those of the configuration in force. `close` at the end."""

    def __init__(self, clock: Clock, sealer: Sealer, secrets: Secrets, recheck: timedelta) -> None:
        self._clock = clock
        self._sealer = sealer
        self._secrets = secrets
        self._recheck = recheck
        self._by_name: dict[str, Provider] = {}
        self._by_url: dict[str, Provider] = {}
        self._for_machines: dict[str, Provider] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def replace(
        self, issuers: Sequence[IssuerTable], machines: Iterable[MachineTable], recheck: timedelta
    ) -> None:
        """Know these from now on. Sign-ins that are under way with one that is no more fail."""
        old = [*self._by_name.values(), *self._for_machines.values()]
        made = [self._provider(self._issuer(table)) for table in issuers]
        self._by_name = {provider.issuer.name: provider for provider in made}
        self._by_url = {provider.issuer.url: provider for provider in made}
        foreign = {machine.issuer: machine.ca_file for machine in machines if machine.issuer}
        self._for_machines = {
            url: self._provider(_unregistered(url, ca_file))
            for url, ca_file in foreign.items()
            if url not in self._by_url
        }
        self._recheck = recheck
        for provider in old:
            task = asyncio.get_running_loop().create_task(provider.aclose())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def named(self, name: str) -> "Provider":
        """Raises `Refused`."""
        if name not in self._by_name:
            raise Refused("sign-in refused: there is no identity provider of this name")
        return self._by_name[name]

    def at(self, url: str) -> "Provider":
        """Raises `Refused`: it is not in the configuration any more."""
        if url not in self._by_url:
            raise Refused("sign-in refused: this identity provider is not trusted here any more")
        return self._by_url[url]

    def verifier(self, url: str) -> "Provider | None":
        """Who checks the tokens of machines that this issuer signs."""
        return self._by_url.get(url) or self._for_machines.get(url)

    def kept(self, vouched: "Vouched") -> Kept:
        """What is kept of a provider's word."""
        about = _about(vouched.issuer, vouched.subject)
        sealed = self._sealer.seal(vouched.refresh.expose(), about) if vouched.refresh else b""
        groups = vouched.groups if vouched.groups is not None else frozenset[str]()
        return Kept(vouched.issuer, vouched.subject, vouched.name, groups, sealed)

    # Asking again.

    def is_due(self, row: PersonRow) -> bool:
        """The provider's word about them is old, and it can be asked again."""
        return bool(row.sealed) and not row.gone and self._clock.now() - row.checked_at >= self._recheck

    async def ask_again(self, row: PersonRow, directory: Directory) -> bool:
        """Is this still somebody? False: their provider says no, and they are nobody from now on. Raises `Fault`
        where it can not say: then nothing changes."""
        from gateway.identity.oidc.provider import NoLongerVouched

        fresh = await directory.look_up(row)
        if fresh is None or fresh.gone:
            return False
        if not self.is_due(fresh):
            return True  # another gateway has asked meanwhile
        provider = self._by_url.get(fresh.issuer)
        if provider is None:
            await directory.vouch_no_more(fresh)
            return False
        token = Secret(self._sealer.open(fresh.sealed, _about(fresh.issuer, fresh.subject)))
        try:
            vouched = await provider.refresh(token, fresh.subject)
            await directory.welcome(self.kept(vouched))
        except NoLongerVouched:
            now = await directory.look_up(fresh)
            if now is not None and now.sealed != fresh.sealed:
                return not now.gone  # another gateway was first with what is good once
            log.warning("%s no longer vouches for %s", provider.issuer.name, fresh.name)
            await directory.vouch_no_more(fresh)
            return False
        except Refused as refused:
            raise Fault(f"{provider.issuer.name} gave no usable answer: {refused.sentence}") from refused
        return True

    async def vouch_again(self, who: Principal, directory: Directory) -> bool:
        """May their sign-in go on without them? Only where a provider says so now, or said so a moment ago. Raises
        `Fault` where it can not say."""
        rows = [row for row in directory.rows() if directory.person_of(row) == who.id and not row.gone]
        for row in rows:
            if self._clock.now() - row.checked_at < self._recheck:
                return True
            if row.sealed and await self.ask_again(row, directory):
                return True
        return False

    async def check(self) -> None:
        """Could people sign in now? Raises `Fault`."""
        for provider in self._by_name.values():
            await provider.check()

    async def close(self) -> None:
        """Close every connection."""
        for provider in [*self._by_name.values(), *self._for_machines.values()]:
            await provider.aclose()
        await asyncio.gather(*self._leaving)

    def _provider(self, issuer: "Issuer") -> "Provider":
        from gateway.identity.oidc.provider import Provider

        return Provider(issuer, self._clock)

    def _issuer(self, table: IssuerTable) -> "Issuer":
        from gateway.identity.oidc.issuer import Issuer

        return Issuer(
            name=table.name,
            url=table.url,
            client_id=table.client_id,
            client_secret=self._fetcher(table.client_secret),
            scopes=table.scopes,
            groups_claim=table.groups_claim,
            groups_missing=table.groups_missing,
            name_claim=table.name_claim,
            ca_file=table.ca_file,
            algorithms=table.algorithms,
        )

    def _fetcher(self, reference: SecretReference | None) -> "FetchSecret | None":
        if reference is None:
            return None

        async def fetch() -> Secret:
            return await self._secrets.fetch(reference.as_mapping())

        return fetch


def _unregistered(url: str, ca_file: Path | None) -> "Issuer":
    """One that only machines' tokens come from."""
    from gateway.identity.oidc.issuer import Issuer

    return Issuer(name=url, url=url, ca_file=ca_file, algorithms=ALGORITHMS)


def _about(issuer: str, subject: str) -> str:
    return f"refresh token of {issuer}#{subject}"
