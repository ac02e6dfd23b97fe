"""The systemd unit starts what exists, and tells systemd what the gateway really does."""

import re
import shlex
from pathlib import Path

from gateway.cli.commands import COMMANDS

UNIT = (Path(__file__).resolve().parents[2] / "deploy" / "hoop-gateway.service").read_text()
SETTINGS = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))


def test_it_starts_a_command_that_exists() -> None:
    program, *arguments = shlex.split(SETTINGS["ExecStart"])
    assert Path(program).name == "hoop-gateway"
    assert (arguments[0],) in [command.words for command in COMMANDS]
    assert arguments[1:] == ["--config", "/etc/hoop/hoop.toml"]


def test_it_waits_for_ready_and_reloads_with_hup() -> None:
    assert SETTINGS["Type"] == "notify"
    assert "-HUP" in SETTINGS["ExecReload"]


def test_the_state_is_where_the_configuration_puts_it_by_default() -> None:
    from gateway.app.settings import GatewayTable

    assert GatewayTable().data_dir == Path("/var/lib") / SETTINGS["StateDirectory"]
    assert SETTINGS["UMask"] == "0077"
