"""A gateway in which people have done something: real gates, real rules, a ledger with a few hundred operations."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.adapters.postgres.judging import _operation
from gateway.adapters.postgres.standing import stands_for
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.forward import places
from gateway.app.config_file import load_config
from gateway.app.house import House
from gateway.core.errors import Denied
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal
from gateway.core.sql import unknown
from gateway.session.files import FilePath, file_operation
from gateway.session.gate import Gate
from tests.policy.sql_text import facts

POLICIES = Path(__file__).parents[2] / "deploy" / "policies"
PEER = Peer("10.0.0.7", client="OpenSSH_9.9")
ALICE = Principal("alice@example.com", "alice@example.com", frozenset({"dev", "web"}))
ANN = Principal("ann@example.com", "ann@example.com", frozenset({"analysts"}))
SAM = Principal("sam@example.com", "sam@example.com", frozenset({"sre"}))
PEOPLE = (ALICE, ANN, SAM)
GROUPS = ("dba-oncall", "finance", "oncall", "pii-readers", "sre-lead", "sre", "web", "dev", "analysts")
CONFIG = """\
version = 1

[gateway]
data_dir = "data"

[listen]
ssh = "127.0.0.1:0"

[policy]
files = [{files}]

{people}
[[person]]
name = "everybody@example.com"
groups = [{groups}]

[[target]]
name = "web-1"
kind = "ssh"
to = "127.0.0.1:1"
user = "deploy"
labels = {{ env = "prod" }}
key = {{ env = "NOT_SET_HERE" }}

[[target]]
name = "appdb"
kind = "postgres"
to = "127.0.0.1:1"
database = "app"
user = "app"
password = {{ env = "NOT_SET_HERE" }}
labels = {{ env = "prod", pii = "yes" }}
tls = "disable"
"""


def configuration(directory: Path, policies: Sequence[Path]) -> Path:
    """One whose rules are these files."""
    path = directory / "hoop.toml"
    people = "".join(
        f'[[person]]\nname = "{each.name}"\ngroups = [{_listed(sorted(each.groups))}]\n' for each in PEOPLE
    )
    files = _listed([str(each) for each in policies])
    path.write_text(CONFIG.format(files=files, people=people, groups=_listed(GROUPS)))
    return path


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{each}"' for each in names)


def sql(text: str, *bound: str | None) -> Operation:
    return _operation(facts(text), bound, 1)


def executed(text: str, held: str) -> Operation:
    """EXECUTE of what was prepared."""
    return _operation(stands_for(facts(text), facts(held)), (), 1)


STATEMENTS = (
    *(sql(f"SELECT id, email FROM app.customers WHERE id = {n}") for n in range(50)),
    *(sql("UPDATE app.orders SET total = $1 WHERE id = $2", str(n), None) for n in range(20)),
    sql("DELETE FROM app.orders"),
    sql("BEGIN"),
    sql("SELECT * FROM hr.salaries\nWHERE id = 1 -- why not"),
    sql("DO $$ BEGIN END $$"),
    sql("SELECT $1", "it's\nodd"),
    executed("EXECUTE p1(1)", "DELETE FROM app.orders\nWHERE id = $1"),
    executed("EXECUTE p1(app.f())", "SELECT 1"),
    executed("FETCH 10 FROM c", "SELECT ssn FROM app.customers"),
    sql("EXECUTE unseen"),
    _operation(unknown("SELEC 1", "it is no SQL"), (), 1),
)
COMMANDS = (
    *(Asked("exec", f"systemctl status unit-{n}").operation for n in range(50)),
    *(Asked("exec", f"tail -n {n} /var/log/nginx/access.log").operation for n in range(20)),
    Asked("exec", "rm -rf / # \u202eodd").operation,
    Asked("exec", "git push --force origin").operation,
    Asked("shell").operation,
    Asked("subsystem", "netconf").operation,
    Operation(
        "typed", "rm -rf /*", frozenset({Effect.RUN}), details={"command": "rm -rf /*", "confidence": "high"}
    ),
    file_operation("upload", FilePath("site", "/srv/www/site"), program="sftp"),
    file_operation("download", FilePath("/etc/shadow", "/etc/shadow"), program="sftp"),
    file_operation("rename", FilePath("a", "/srv/www/a"), FilePath("b", "/srv/www/b"), program="sftp"),
    places.forward_operation(places.tcp_place("db.internal", 5432), "127.0.0.1:4000"),
    places.listen_operation(places.listening_place("*", 8080)),
    Operation("sign", "sign with a key", frozenset({Effect.CONTROL})),
)
HELD = {"web-1": Asked("exec", "systemctl restart nginx").operation, "appdb": sql("DROP TABLE app.old")}


async def live(path: Path) -> int:
    """What people do in a gateway with this configuration. How many operations it was."""
    house = await House.open(load_config(path, look_at_secrets=False))
    try:
        count = 0
        for who, target, operations in (
            (ALICE, "web-1", COMMANDS),
            (SAM, "web-1", COMMANDS),
            (ALICE, "appdb", STATEMENTS),
            (ANN, "appdb", STATEMENTS),
        ):
            gate = await house.lobby.enter(who, target, "", PEER)
            for operation in (*operations, HELD[target]):
                await _try(house, gate, operation)
                count += 1
            await gate.close("exit 0", {"status": 0})
        return count
    finally:
        await house.stop()


async def _try(house: House, gate: Gate, operation: Operation) -> None:
    """What is held is taken back as soon as it is."""
    asked = asyncio.Event()

    async def notice(text: str) -> None:
        asked.set()

    work = asyncio.ensure_future(gate.admit(operation, notice))
    waits = asyncio.ensure_future(asked.wait())
    await asyncio.wait({work, waits}, return_when=asyncio.FIRST_COMPLETED)
    waits.cancel()
    if not work.done():
        work.cancel()
    with suppress(Denied, asyncio.CancelledError):
        await work
