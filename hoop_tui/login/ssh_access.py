"""Ssh without questions: asks for a certificate and puts it where ssh finds it, in the agent or else in files.

It never prints; `Access` tells what was done. `known_hosts` is touched only where that is wanted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.api.schema import SshCertificate
from hoop_tui.errors import Garbled, GatewayTrouble, NotSignedIn
from hoop_tui.login import ssh_files
from hoop_tui.login.answers import SIGN_IN_NEEDED, refusal
from hoop_tui.login.desk import parsed
from hoop_tui.login.door import Door
from hoop_tui.login.known_hosts import add_lines, authority_lines, own_names, usable_host
from hoop_tui.login.ssh_agent import Agent, Held, NoAgent
from hoop_tui.login.ssh_key import (
    CertifiedKey,
    certified,
    new_key,
    public_line,
    read_certificate,
    valid_until,
)
from hoop_tui.private_files import my_turn, write_private
from hoop_tui.sign_in import SignIn, config_dir

_PLACE = "place.json"
_LEAST_LEFT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Place:
    """Where ssh goes."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Access:
    """What ssh can do from now on."""

    place: Place
    until: datetime
    in_agent: bool
    config: Path | None = None
    """Where the certificate is in files: the config that ssh should include."""
    known_added: Sequence[str] = ()
    """Lines that were added to known_hosts."""
    left_out: Sequence[str] = ()
    """Names that the gateway said it has, and that are not for it to have."""
    trouble: str = ""
    """Why known_hosts is as it was."""


def comment_for(gateway: str) -> str:
    """What our keys in an agent are known by."""
    return f"hoop {gateway}"


def open_access(
    sign_in: SignIn, environ: Mapping[str, str], *, bind_address: bool = False, known_hosts: bool = True
) -> Access:
    """A new certificate, put in place. Raises `GatewayTrouble`, and OSError where there is nowhere to put it."""
    key = new_key()
    answer = _ask(sign_in, public_line(key), bind_address)
    ours = certified(key, answer.certificate)
    place = Place(answer.ssh_host, answer.ssh_port)
    if not usable_host(place.host) or not 0 < place.port < 65536:
        raise Garbled("The gateway did not say where ssh goes.")
    names, left_out = own_names(answer.hosts, sign_in.gateway)
    lines = authority_lines(answer.host_authorities, names, place.port, comment_for(sign_in.gateway))
    config = config_dir(dict(environ))
    with my_turn(config):
        in_agent = _into_agent(environ, sign_in.gateway, ours)
        directory = ssh_files.gateway_directory(config, sign_in.gateway)
        written = None
        if in_agent:
            _forget_files(config, sign_in.gateway)
        else:
            ssh_files.write_key(directory, ours, lines)
            written = ssh_files.write_config(config, sign_in.gateway, names, place.host, place.port)
        _remember(directory, place, needed=not in_agent)
        added, trouble = _add_known(lines) if known_hosts else ([], "")
    return Access(place, ours.valid_until, in_agent, written, added, left_out, trouble)


def standing_access(gateway: str, environ: Mapping[str, str]) -> tuple[Place, list[str]] | None:
    """Where ssh goes and with which options, while the certificate lasts; None: it has to be asked for."""
    config = config_dir(dict(environ))
    directory = ssh_files.gateway_directory(config, gateway)
    place = _recall(directory)
    if place is None:
        return None
    try:
        with Agent(environ) as agent:
            if any(_lasts(key) for key in agent.held(comment_for(gateway))):
                return place, []
    except NoAgent:
        pass
    try:
        line = ssh_files.certificate_path(directory).read_bytes()
        there = ssh_files.key_path(directory).exists()
        lasts = valid_until(read_certificate(line)) > datetime.now(UTC) + _LEAST_LEFT
    except (OSError, GatewayTrouble):
        return None
    return (place, ssh_files.ssh_options(directory)) if there and lasts else None


def close_access(gateway: str, environ: Mapping[str, str]) -> bool:
    """Take keys and certificates of this gateway away; whether there were any. Raises OSError."""
    config = config_dir(dict(environ))
    found = False
    with my_turn(config):
        try:
            with Agent(environ) as agent:
                keys = agent.held(comment_for(gateway))
                agent.drop(keys)
                found = bool(keys)
        except NoAgent:
            pass  # what it can not be asked to forget, it forgets when the certificate ends
        directory = ssh_files.gateway_directory(config, gateway)
        found = _forget_files(config, gateway) or found
        (directory / _PLACE).unlink(missing_ok=True)
    return found


def _ask(sign_in: SignIn, key: str, bind_address: bool) -> SshCertificate:
    body = {"public_key": key, "bind_address": bind_address}
    reply = Door(sign_in.gateway).ask("POST", "/v1/ssh/certificate", body, sign_in.token)
    if reply.status == 401:
        raise NotSignedIn(SIGN_IN_NEEDED)
    if not 200 <= reply.status < 300:
        raise refusal(reply)
    return parsed(SshCertificate, reply)


def _into_agent(environ: Mapping[str, str], gateway: str, key: CertifiedKey) -> bool:
    """The new one first, so that there is always one."""
    try:
        with Agent(environ) as agent:
            before = agent.held(comment_for(gateway))
            agent.put(key, comment_for(gateway))
            agent.drop([each for each in before if each.blob != key.blob])
    except NoAgent:
        return False
    return True


def _lasts(key: Held) -> bool:
    from base64 import b64encode

    try:
        line = b"ssh-ed25519-cert-v01@openssh.com " + b64encode(key.blob)
        return valid_until(read_certificate(line)) > datetime.now(UTC) + _LEAST_LEFT
    except GatewayTrouble:
        return False


def _add_known(lines: Sequence[str]) -> tuple[list[str], str]:
    path = Path.home() / ".ssh" / "known_hosts"
    try:
        return add_lines(path, lines), ""
    except OSError:
        return [], f"{path} can not be written: ssh will ask about the gateway's key."


def _forget_files(config: Path, gateway: str) -> bool:
    try:
        there = ssh_files.remove_key(ssh_files.gateway_directory(config, gateway))
        ssh_files.remove_config(config, gateway)
    except NotADirectoryError:
        return False
    return there


def _remember(directory: Path, place: Place, *, needed: bool) -> None:
    try:
        write_private(directory / _PLACE, json.dumps({"host": place.host, "port": place.port}).encode())
    except OSError:
        if needed:
            raise


def _recall(directory: Path) -> Place | None:
    try:
        facts = json.loads((directory / _PLACE).read_bytes())
        place = Place(str(facts["host"]), int(facts["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return place if usable_host(place.host) and 0 < place.port < 65536 else None


def ssh_command(place: Place, options: Sequence[str], target: str, arguments: Sequence[str]) -> list[str]:
    """What to run: the stock ssh."""
    return ["ssh", *options, "-p", str(place.port), f"{target}@{place.host}", *arguments]


def home_ssh_config_reads(path: Path) -> bool:
    """Whether the person's ssh reads our config already."""
    return ssh_files.is_included(Path.home(), path)
