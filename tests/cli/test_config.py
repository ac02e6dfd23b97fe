"""`config check` and `config show`, and the account that a command runs as."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
RULE = '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'


def test_check(run: Run, config: Path) -> None:
    missing = f"{config}:26: target.key: the environment variable NOT_SET_HERE is not set"
    ended = run("config", "check", "-c", config)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == [missing, missing.replace(":26:", ":33:")]
    ended = run("config", "check", "-c", config, NOT_SET_HERE="x")
    told = f"{config}: good - 2 people, 2 targets, 0 rules"
    nothing = "there is no rule yet: everything that people ask for will be blocked"
    strange = "no host key is known yet, so nobody gets there before hoop-gateway target trust: web-1"
    assert ended == (0, "", f"{told}\n{nothing}\n{strange}\n")
    config.write_text(config.read_text() + RULE)
    told = told.replace("0 rules", "1 rule")
    assert run("config", "check", "--text-only", "-c", config) == (0, "", f"{told}\n")


def test_the_configuration_may_come_from_the_environment(run: Run, config: Path) -> None:
    ended = run("config", "check", "--text-only", HOOP_CONFIG=str(config), HOOP_LISTEN__SSH="nowhere")
    assert ended.code == 2
    assert ended.err.startswith("HOOP_LISTEN__SSH: listen.ssh: must be a host and a port")


def test_show(run: Run, config: Path) -> None:
    ended = run("config", "show", "-c", config)
    assert (ended.code, ended.err) == (0, "")
    shown = tomllib.loads(ended.out)
    assert shown["gateway"] == {"name": "hoop", "data_dir": str(config.parent / "data"), "lease": "15s"}
    assert shown["target"][0]["key"] == {"env": "NOT_SET_HERE"}
    origins = run("config", "show", "--origin", "-c", config, HOOP_GATEWAY__NAME="gw-2").out.splitlines()
    assert 'name = "gw-2"  # env HOOP_GATEWAY__NAME' in origins
    assert f'connect_timeout = "5s"  # {config}:10' in origins


def test_nothing_that_a_terminal_would_act_upon(run: Run, config: Path) -> None:
    config.write_text(config.read_text().replace('env = "prod"', 'env = "\\u001b]0;evil\\u0007\\u202e"'))
    for command in (["config", "show"], ["target", "ls"], ["target", "ls", "-o", "json"]):
        ended = run(*command, "-c", config)
        assert ended.code == 0
        assert "evil" in ended.out
        assert ended.out.isascii()
        assert not set(ended.out) & {"\x1b", "\x07"}


@pytest.mark.parametrize(
    "command", [["token", "ls"], ["target", "trust", "web-1"], ["recording", "verify", "2B8C"]]
)
def test_root_does_not_write_into_the_directory_of_another_account(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    data = config.parent / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    ended = run(*command, "-c", config)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"hoop-gateway: {data} belongs to ")
    assert "run it as that account, with sudo -u " in ended.err
    assert list(data.iterdir()) == []


def test_a_data_directory_that_can_not_be_made(run: Run, config: Path) -> None:
    (config.parent / "file").write_text("")
    config.write_text(config.read_text().replace('"data"', '"file/data"'))
    ended = run("token", "ls", "-c", config)
    assert (ended.code, ended.out) == (1, "")
    assert (
        ended.err
        == f"hoop-gateway: the directory {config.parent}/file/data can not be used: not a directory\n"
    )
