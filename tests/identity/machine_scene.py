"""For tests of machines: one with a secret, a CI job, their owner, and the job's issuer on a real socket."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.events import PersonLocked
from gateway.core.people import Peer, Principal
from gateway.core.ports import LockRow
from gateway.identity.directory import Configured, Directory
from gateway.identity.machine_secrets import mint_secret
from gateway.identity.machines import Exchanged, Machine, Machines, Verifies
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.provider import Provider
from gateway.identity.tokens import TokenIdentities
from gateway.store.ledger import SqlLedger
from tests.identity.oidc import mint
from tests.identity.oidc.stub import StubProvider
from tests.identity.register import MovedClock

ALICE = "alice@example.com"


BOT, CI = "deploy-bot", "ci"


PEER = Peer("192.0.2.7", 50_000, "curl/8.7")


CLAIMS = {"repository": ("acme/shop",), "ref": ("refs/heads/main", "refs/tags/*")}


Said = dict[str, Any]


@dataclass
class Scene:
    """A machine with a secret, a CI job, their owner, and the job's issuer on a real socket."""

    ledger: SqlLedger
    stub: StubProvider
    clock: MovedClock = field(default_factory=MovedClock)
    provider: Provider = field(init=False)
    directory: Directory = field(init=False)
    machines: Machines = field(init=False)
    known: dict[str, Machine] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.provider = Provider(Issuer("ci", self.stub.url, algorithms=("RS256", "ES256")), self.clock)
        self.directory = Directory(self.ledger, self.clock)
        self.known = {
            BOT: Machine(BOT, ALICE, frozenset({"web-1"}), frozenset({"deployers"})),
            CI: Machine(
                CI,
                "Alice@Example.com",
                frozenset({"web-1", "web-2"}),
                issuer=self.stub.url,
                audience="hoop",
                claims=CLAIMS,
            ),
        }
        self.machines = self.another_gateway()
        self.configure(ALICE)

    def another_gateway(self) -> Machines:
        return Machines(self.ledger, self.clock, self.directory.find, self._verifier, self.known.values())

    def _verifier(self, issuer: str) -> Verifies | None:
        return self.provider if issuer == self.stub.url else None

    def configure(self, *people: str) -> None:
        """These people, and the machines that are known."""
        persons = [Configured(Principal(name, name, roles=frozenset({"person"}))) for name in people]
        machines = [
            Configured(
                Principal(each.id, each.id, each.groups, frozenset({"person"}), targets=each.targets),
                owner=each.owner,
            )
            for each in self.known.values()
        ]
        self.directory.replace([*persons, *machines], lambda groups: frozenset())
        self.machines.replace(self.known.values())

    async def secret(self, name: str = BOT, expires_at: datetime | None = None) -> tuple[str, str]:
        """A new one: its text and its id."""
        minted = mint_secret(name, self.clock.now(), expires_at, actor="local:root")
        await self.ledger.add_token(minted.row, minted.event)
        return minted.token, minted.row.id

    def said(self, **changed: Any) -> Said:
        """What a good token of the job says now; what is changed to None is left out."""
        now = int(self.clock.now().timestamp())
        good = {
            "iss": self.stub.url,
            "aud": "hoop",
            "sub": "repo:acme/shop:ref:refs/heads/main",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": "job-1",
            "repository": "acme/shop",
            "ref": "refs/heads/main",
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    async def by_job(self, token: str | None = None, name: str = CI, **changed: Any) -> Exchanged:
        return await self.machines.by_job_token(name, token or mint.token(self.said(**changed)), PEER)

    async def lock(self, who: str) -> None:
        row = LockRow(who, self.clock.now(), "otto", "x")
        await self.ledger.lock_person(row, PersonLocked(person=who, reason="x"))
        await self.directory.refresh()

    async def who(self, token: str) -> Principal | None:
        """Whom the API takes the bearer of this token for."""
        return await TokenIdentities(self.ledger, self.clock, self.directory.find).by_token(token)

    async def noted(self, name: str = "identity.refused") -> list[dict[str, Any]]:
        return [dict(entry.body) for entry in await self.ledger.entries() if entry.name == name]

    async def reason(self) -> str:
        """Why somebody was refused last, as the audit log has it."""
        return str((await self.noted())[-1]["reason"])
