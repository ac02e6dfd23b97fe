"""`hoop-tui login`: a token from the gateway, and a certificate so that ssh asks nothing. It talks on stderr."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from hoop_tui.cli import login_words as words
from hoop_tui.cli.printing import complain, tell
from hoop_tui.errors import GatewayTrouble, NotFound
from hoop_tui.login import browser, device, machine
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.desk import HttpDesk
from hoop_tui.login.door import Door
from hoop_tui.login.renewal import keep
from hoop_tui.login.ssh_access import open_access
from hoop_tui.private_files import can_write, my_turn
from hoop_tui.sign_in import SignIn, config_dir, find_sign_in, make_room, sign_in_file

NO_SUCH_SIGN_IN = "The gateway has no such sign-in; its operator can make a token: hoop-gateway token create"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to sign in, and what to do with it."""

    device: bool = False
    no_browser: bool = False
    ssh: bool = True
    known_hosts: bool = True
    bind_address: bool = False
    machine: str = ""
    subject_token_file: Path | None = None
    print_token: bool = False


def login(gateway: str, wishes: Wishes) -> int:
    """The exit code."""
    try:
        # A token in the environment is nothing to sign in with; it only must not be inherited.
        where = find_sign_in(os.environ, gateway=gateway).gateway
        if not where:
            return complain("Name the gateway: hoop-tui login --gateway https://hoop.example.com", 2)
        return _login(where, wishes)
    except NotFound:
        return complain(NO_SUCH_SIGN_IN, NotFound.exit_code)
    except GatewayTrouble as trouble:
        return complain(trouble.sentence, trouble.exit_code)
    except ValueError as problem:
        return complain(str(problem), 2)
    except KeyboardInterrupt:
        tell("withdrawn: nobody can sign in with it any more")
        return 130


def _login(where: str, wishes: Wishes) -> int:
    door = Door(where)
    if wishes.print_token and not wishes.machine:
        raise ValueError("--print is for machines: use it with --machine NAME.")
    config = config_dir(os.environ)
    if not wishes.print_token and not can_write(config):
        return complain(f"The sign-in can not be kept: {config} can not be written.", 1)
    if wishes.machine:
        shown = machine.proof(os.environ, wishes.subject_token_file)
        signed_in = machine.exchange(door, wishes.machine, shown)
        if wishes.print_token:
            print(signed_in.token.expose())
            return 0
    else:
        signed_in = asyncio.run(_in_person(HttpDesk(door.url), wishes))
    return _settle(door.url, signed_in, wishes)


async def _in_person(desk: HttpDesk, wishes: Wishes) -> SignedIn:
    if not wishes.device and (wishes.no_browser or browser.has_browser(os.environ)):
        return await browser.sign_in(desk, lambda url: _show_page(url, wishes))
    code = await device.ask(desk)
    words.tell_code(code)
    return await device.confirmed(desk, code)


def _show_page(url: str, wishes: Wishes) -> None:
    if wishes.no_browser:
        tell("Open this page in a browser on this computer:")
    else:
        tell("Your browser opens. If it does not, open this page on this computer:")
    tell(f"  {url}")
    if not wishes.no_browser:
        browser.open_page(url)


def _settle(gateway: str, signed_in: SignedIn, wishes: Wishes) -> int:
    path = sign_in_file(os.environ)
    try:
        with my_turn(path.parent):
            make_room(path, gateway)
            sign_in = keep(path, gateway, signed_in, renewable=not wishes.machine)
    except OSError:
        return complain(f"The sign-in can not be kept: {path} can not be written.", 1)
    tell(words.signed_in(signed_in))
    if signed_in.note:
        tell(signed_in.note)
    return _settle_ssh(sign_in, wishes) if wishes.ssh else 0


def _settle_ssh(sign_in: SignIn, wishes: Wishes) -> int:
    """A gateway that signs no certificates is no failure: one is signed in."""
    try:
        access = open_access(
            sign_in, os.environ, bind_address=wishes.bind_address, known_hosts=wishes.known_hosts
        )
    except NotFound:
        return 0
    except GatewayTrouble as trouble:
        return complain(f"ssh: no certificate: {trouble.sentence}", trouble.exit_code)
    except OSError as problem:
        return complain(f"ssh: the certificate can not be kept: {problem.filename or problem}", 1)
    for line in words.access_lines(access, sign_in.gateway):
        tell(line)
    return 0
