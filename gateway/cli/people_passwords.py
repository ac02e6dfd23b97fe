"""`person password` and `person totp`: what local people sign in with. No secret is ever an argument.

They work on the store, with or without a running gateway, and only for people of the configuration.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gateway.cli.books import opened, who_runs_this
from gateway.cli.everybody import configured
from gateway.cli.exits import BadUsage, NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, load
from gateway.cli.talk import is_watched, say
from gateway.core.errors import Refused

if TYPE_CHECKING:
    from gateway.app.settings import Settings
    from gateway.app.settings_people import Person
    from gateway.core.ports import PasswordRow
    from gateway.identity.sealing import Sealer

TRIES = 3


def password(
    name: str,
    /,
    *,
    remove: Annotated[
        bool, Parameter(negative="", help="Take the password away, and the codes with it.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Give a person a password, or another one.

    It is asked for twice, or read from standard input: one line. Only its hash is kept.

    Parameters
    ----------
    name
        A person of the configuration.
    """
    settings = load(config).settings
    person = _who(settings, name)
    if remove:
        asyncio.run(_remove(settings, name))
        say(f"{name} has no password any more")
        return 0
    row = asyncio.run(_set(settings, name, _new_password(name)))
    say(f"{name} has a new password")
    if not row.totp and (person.break_glass or not settings.login.password_alone):
        say(f"to sign in they need codes from their phone, too: hoop-gateway person totp {name}")
    return 0


def totp(
    name: str,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="Set up a new phone although there is one already.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> int:
    """Set up a person's authenticator app.

    They need a password first.
    Prints the address that the app reads, on a terminal as a QR code too, and asks for one code: before that is right
    nothing has changed. Whoever sees the address or the QR code can make the person's codes.

    Parameters
    ----------
    name
        A person of the configuration.
    """
    from gateway.identity import totp as codes

    settings = load(config).settings
    _who(settings, name)
    row = asyncio.run(_kept(settings, name))
    if row is None or not row.phc:
        raise NotFound(f"{name} has no password yet: hoop-gateway person password {name}")
    if row.totp and not replace:
        raise BadUsage(f"{name} has an app set up already; --replace sets up another one in its place")
    sealer = _sealer(settings)
    secret = codes.new_secret()
    _show(codes.uri(secret, name, settings.gateway.name))
    step = _ask_for_code(secret)
    asyncio.run(_enrol(settings, name, sealer, secret, step))
    say(f"{name} signs in with a password and a code from now on")
    return 0


def _who(settings: "Settings", name: str) -> "Person":
    person = configured(name, settings)
    if person.disabled:
        raise BadUsage(f"{name} is disabled")
    if person.issuer is not None and not person.break_glass:
        raise BadUsage(
            f"{name} signs in at {person.issuer}; only break_glass = true lets them use a password"
        )
    return person


def _new_password(name: str) -> str:
    from gateway.identity.password_choice import check_new

    if is_watched():
        from getpass import getpass

        given = getpass(f"New password of {name}: ")
        if given and getpass("Once more: ") != given:
            raise BadUsage("the two are not the same; nothing changed")
    else:
        given = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not given:
        raise BadUsage("no password was given; nothing changed")
    try:
        check_new(given, name)
    except Refused as problem:
        raise BadUsage(f"{problem.sentence}; nothing changed") from None
    return given


def _show(address: str) -> None:
    print(address, flush=True)
    if is_watched():
        import segno

        segno.make(address, error="l", boost_error=False).terminal(sys.stderr, border=2, compact=True)


def _ask_for_code(secret: bytes) -> int:
    """The half minute of the first right code."""
    from gateway.identity import totp as codes

    for _ in range(TRIES):
        print("The code that the app shows now: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        now = datetime.now(UTC)
        step = codes.step_of(secret, line.strip(), now.timestamp())
        if step is not None:
            return step
        say(f"that is not the code; this machine's clock says {now:%H:%M:%S} UTC, the phone's must agree")
    raise BadUsage("no right code was given; nothing changed")


def _sealer(settings: "Settings") -> "Sealer":
    from gateway.cli.books import own_directory
    from gateway.identity.sealing import load_or_make

    own_directory(settings.gateway.data_dir)
    return load_or_make(settings.gateway.data_dir / "sealing.key")


async def _kept(settings: "Settings", name: str) -> "PasswordRow | None":
    async with opened(settings) as ledger:
        return await ledger.password(name)


async def _set(settings: "Settings", name: str, given: str) -> "PasswordRow":
    from gateway.core.events import PasswordSet
    from gateway.core.ports import PasswordRow
    from gateway.identity import totp as codes
    from gateway.identity.passwords import hashed

    now = datetime.now(UTC)
    phc = hashed(given)
    async with opened(settings) as ledger:
        before = await ledger.password(name) or PasswordRow(name, "", now)
        # Somebody may be signing in meanwhile: the code of this half minute counts as used either way.
        used = max(before.last_step, codes.step_at(now.timestamp())) if before.totp else 0
        row = replace(before, phc=phc, changed_at=now, last_step=used)
        event = PasswordSet(actor=who_runs_this(), person=name, totp=bool(row.totp))
        await ledger.set_password(row, event)
    return row


async def _remove(settings: "Settings", name: str) -> None:
    from gateway.core.events import PasswordSet
    from gateway.core.ports import PasswordRow

    async with opened(settings) as ledger:
        before = await ledger.password(name)
        if before is None or not before.phc:
            raise NotFound(f"{name} has no password")
        event = PasswordSet(actor=who_runs_this(), person=name, totp=False, removed=True)
        await ledger.set_password(PasswordRow(name, "", datetime.now(UTC)), event)


async def _enrol(settings: "Settings", name: str, sealer: "Sealer", secret: bytes, step: int) -> None:
    from gateway.core.events import PasswordSet
    from gateway.identity.local import about_codes

    async with opened(settings) as ledger:
        row = await ledger.password(name)
        if row is None or not row.phc:
            raise NotFound(f"{name} has no password any more; nothing changed")
        sealed = sealer.seal(secret, about_codes(name))
        event = PasswordSet(actor=who_runs_this(), person=name, totp=True)
        await ledger.set_password(replace(row, totp=sealed, last_step=step), event)
