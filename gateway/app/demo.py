"""`hoop-gateway demo`: all of it on loopback in one command, and nothing left behind.

Makes a directory with fresh keys, a configuration, a target with a real shell and a few recorded sessions; opens
the House on it; opens the app in this terminal. It is an ordinary gateway with an ordinary configuration: what it
prints can be done by hand.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from gateway.api.schema import CertificateAsked
from gateway.app import demo_config, demo_database, demo_files, seeds
from gateway.app.config_file import load_config
from gateway.app.demo_colleague import Colleague
from gateway.app.demo_provider import PEOPLE, DemoProvider
from gateway.app.demo_target import DemoTarget
from gateway.app.house import House
from gateway.app.logs import set_up_logs
from gateway.core.errors import HoopError
from gateway.core.people import Peer, Principal
from gateway.identity.directory import Vouched
from gateway.identity.tokens import mint

STAFF = "carol"
APPROVER = "bob"


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: the house and how to reach it."""

    house: House
    directory: Path
    token_file: Path
    approver_token_file: Path
    provider: DemoProvider
    identity: Path
    """Where ssh looks for the key that signing in leaves."""
    has_database: bool
    """PostgreSQL is installed here, so there is a target `appdb`."""

    async def sign_in(self, subject: str) -> None:
        """Put a key with a certificate there, as signing in does: for scripts, which have no browser."""
        person = await _vouched(self.house, self.provider, subject)
        key = asyncssh.generate_private_key("ssh-ed25519")
        public = key.export_public_key().decode()
        asked = CertificateAsked(public_key=public)
        given = await self.house.hall.desk.certify(person, asked, Peer("127.0.0.1"))
        self.identity.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        demo_config.write_private(self.identity, key.export_private_key())
        certificate = self.identity.with_name(f"{self.identity.name}-cert.pub")
        demo_config.write_private(certificate, f"{given.certificate}\n".encode())

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.house.ports['api']}"


def run(*, tui: bool = True, keep: Path | None = None, ssh_port: int = 2222) -> int:
    """Run the demo until the app is left or a signal comes. Returns the exit code."""
    directory = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="hoop-demo-"))
    try:
        return asyncio.run(_run(directory, tui and sys.stdin.isatty() and sys.stdout.isatty(), ssh_port))
    except HoopError as problem:
        print(f"hoop-gateway: {problem.sentence}", file=sys.stderr)
        return 1
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)


async def _run(directory: Path, tui: bool, ssh_port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with opened(directory, ssh_port) as demo:
        print(_welcome(demo, tui), flush=True)
        if not demo.has_database:
            return await _serve(demo, stop, tui)
        colleague = Colleague(demo.house, demo.provider.url, directory)
        async with colleague.working():
            return await _serve(demo, stop, tui, colleague)


async def _serve(demo: Demo, stop: asyncio.Event, tui: bool, colleague: Colleague | None = None) -> int:
    if not tui:
        await stop.wait()
        return 0
    if not await _enter_pressed(stop):
        return 0
    if colleague is not None:
        colleague.somebody_looks()
    return await _app(demo, stop)


@asynccontextmanager
async def opened(directory: Path, ssh_port: int, *, seeded: bool = True) -> AsyncIterator[Demo]:
    """A demo in `directory`, stopped when the context is left."""
    made = demo_config.make(directory)
    set_up_logs("WARNING", file=directory / "gateway.log")
    demo_files.fill(made.home)
    target = DemoTarget(made.home, made.target_host_key, made.target_person_key)
    provider = DemoProvider(made.client_secret.read_text(), port=made.provider_port())
    made.keep_provider_port(provider.url)
    found = demo_database.programs()
    database = demo_database.DemoDatabase(found) if found is not None else None
    port = await target.start()
    try:
        issuer = await provider.start()
        if database is not None:
            await database.start()
        file = demo_config.write(
            made, target_port=port, ssh_port=_free(ssh_port), issuer=issuer, database=_place(database)
        )
        config = load_config(file)
        house = await House.open(config, hints=demo_config.lines(directory), demo=True)
        try:
            house.consoles.warm()
            api = f"http://127.0.0.1:{house.ports['api']}"
            identity = demo_config.write_access(made, ssh_port=house.ports["ssh"], api=api)
            if seeded:
                await seeds.plant(house.ledger, house.blobs)
            for subject, file in ((STAFF, made.token_file), (APPROVER, made.approver_token_file)):
                await _give_token(house, provider, subject, file)
            tokens = made.token_file, made.approver_token_file
            yield Demo(house, directory, *tokens, provider, identity, database is not None)
        finally:
            await house.stop()
    finally:
        await provider.stop()
        await target.stop()
        if database is not None:
            await database.stop()


def _place(database: demo_database.DemoDatabase | None) -> demo_config.Place | None:
    if database is None:
        return None
    there = demo_database
    return demo_config.Place(database.directory, there.PORT, there.DATABASE, there.ROLE)


async def _give_token(house: House, provider: DemoProvider, subject: str, file: Path) -> None:
    person = await _vouched(house, provider, subject)
    minted = mint(person.id, frozenset(), house.clock.now(), None)
    await house.ledger.add_token(minted.row, minted.event)
    demo_config.write_private(file, f"{minted.token}\n".encode())


async def _vouched(house: House, provider: DemoProvider, subject: str) -> Principal:
    """Somebody of the provider's, as if they had signed in there."""
    person = next(person for person in PEOPLE if person.subject == subject)
    vouched = Vouched(provider.url, subject, person.email, frozenset(person.groups))
    return await house.hall.people.directory.welcome(vouched)


def _free(port: int) -> int:
    """`port`, or 0 for any where somebody has it: the printed lines name a file that knows the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _welcome(demo: Demo, tui: bool) -> str:
    sign_in, shell, blocked, masked = demo_config.lines(demo.directory)
    held, approver = demo_config.approver_lines(demo.directory)
    databases = _databases(demo)
    colleague = (
        ", where Dave, a colleague, asks him for something now and then," if demo.has_database else ","
    )
    after = "The app opens when you press Enter, as Bob; q leaves it." if tui else "Ctrl-C ends the demo."
    return f"""
hoop-tui demo: a gateway, a target with a real shell, and recorded sessions, on loopback only.

In a second terminal:

  sign in       {sign_in}
  a shell       {shell}
  blocked       {blocked}
  masked        {masked}
  held          {held}

{databases}

What is held waits until Bob decides: in the app{colleague}
or in a third terminal (then: review approve ID, review deny ID --reason "..."):

  as Bob        {approver}
  a console     {demo_config.console_line(demo.directory)}

Choose Alice in the browser. Without signing in first, ssh asks you to open a page itself; for the console choose Bob.

The API: {demo.api}  token: {demo.token_file}
{after}"""


def _databases(demo: Demo) -> str:
    if not demo.has_database:
        return "There is no database in this demo: PostgreSQL is not installed here (Debian: postgresql)."
    psql, inside, blocked, held, tunnel = demo_config.database_lines(demo.directory)
    return f"""  psql          {psql}
  without psql  {inside}
  blocked       {blocked}
  held          {held}
  a tunnel      {tunnel}"""


async def _app(demo: Demo, stop: asyncio.Event) -> int:
    theirs = {
        "XDG_CONFIG_HOME": demo.directory / "bob-config",
        "XDG_STATE_HOME": demo.directory / "bob-state",
    }
    app = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hoop_tui.cli.main",
        "--gateway",
        demo.api,
        "--token-file",
        str(demo.approver_token_file),
        env=os.environ | {name: str(path) for name, path in theirs.items()},
    )
    left = asyncio.create_task(app.wait())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([left, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not left.done():
        app.terminate()
    return await left


async def _enter_pressed(stop: asyncio.Event) -> bool:
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    loop.add_reader(sys.stdin, pressed.set)
    try:
        waits = [asyncio.create_task(pressed.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    finally:
        loop.remove_reader(sys.stdin)
    if stop.is_set():
        return False
    return bool(sys.stdin.readline())
