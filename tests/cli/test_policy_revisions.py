"""`policy revisions`, `policy show`, and `policy diff` with numbers, on a ledger that a gateway wrote to."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.app.config_file import load_config
from gateway.app.house import House

Run = Callable[..., Any]
RULE = '[[rule]]\nid = "{id}"\nmatch = {{ user = "*" }}\ndo = "allow"\n'


async def serve(path: Path, *rules: str) -> None:
    """A gateway that opens, takes each of these rules at a reload, and closes."""
    config = path.read_text()
    path.write_text(config + RULE.format(id=rules[0]))
    house = await House.open(load_config(path, look_at_secrets=False))
    try:
        for rule in rules[1:]:
            path.write_text(config + RULE.format(id=rule))
            assert await house.reload(path)
    finally:
        await house.stop()


@pytest.fixture
def served(config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOT_SET_HERE", "x")
    asyncio.run(serve(config, "one", "two", "one", "three", "three"))
    return config


def test_they_are_listed_shown_and_compared(run: Run, served: Path, tmp_path: Path) -> None:
    listed = json.loads(run("policy", "revisions", "-c", served, "-o", "json").out)
    assert [each["number"] for each in listed] == [3, 2, 1]
    assert {each["rules"] for each in listed} == {1}
    assert run("policy", "revisions", "-c", served).out.startswith("NUMBER  HASH ")
    shown = run("policy", "show", "1", "-c", served).out
    assert shown.startswith(f"# {served}\nversion = 1\n")
    assert 'id = "one"' in shown
    by_hash = run("policy", "show", listed[0]["hash"], "-c", served, "-o", "json")
    assert json.loads(by_hash.out)["number"] == 3
    ended = run("policy", "diff", "1", "2", "-c", served)
    assert (ended.code, ended.out) == (
        1,
        "added: two\nremoved: one\n2 rules and the outcome of 0 tests differ\n",
    )
    draft = tmp_path / "draft.toml"
    draft.write_text(RULE.format(id="three"))
    assert run("policy", "diff", "3", draft, "-c", served).code == 0


@pytest.mark.parametrize("given", ["4", "99999999999", "abcdef", "no-such-thing"])
def test_what_was_never_in_force_is_not_found(run: Run, served: Path, given: str) -> None:
    ended = run("policy", "show", given, "-c", served)
    assert (ended.code, ended.err) == (7, f"hoop-gateway: no policy {given} was in force here\n")
