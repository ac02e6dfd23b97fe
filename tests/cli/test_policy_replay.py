"""`policy replay`: drafts over a ledger that a gateway wrote while people worked, and what it says of the rest."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli import a_week

Run = Callable[..., Any]
SHIPPED = sorted(a_week.POLICIES.glob("*.toml"))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The configuration of a gateway with all shipped policies but the starter, and how much was asked in it."""
    directory = tmp_path_factory.mktemp("lived")
    used = [each for each in SHIPPED if each.stem != "starter"]
    path = a_week.configuration(directory, used)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOT_SET_HERE", "x")
        patch.chdir(directory)
        return path, asyncio.run(a_week.live(path))


def replay(run: Run, config: Path, *given: str | Path) -> Any:
    ended = run("policy", "replay", *given, "-c", config, "-o", "json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_what_is_in_force_changes_nothing(run: Run, lived: tuple[Path, int]) -> None:
    config, count = lived
    used = [each for each in SHIPPED if each.stem != "starter"]
    told = replay(run, config, *used)
    assert (told["replayed"], told["changed"], told["changes"], told["left_out"]) == (count, 0, [], {})


def test_what_was_recorded_is_what_is_judged_now(run: Run, lived: tuple[Path, int]) -> None:
    config, count = lived
    used = [each for each in SHIPPED if each.stem != "starter"]
    told = replay(run, config, *used, "--against", "recorded")
    assert (told["replayed"], told["changes"]) == (count, [])
    assert {sum(rule["after"].values()) for rule in told["rules"]} != {0}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_policy_can_be_tried(run: Run, lived: tuple[Path, int], file: Path) -> None:
    config, count = lived
    told = replay(run, config, file)
    assert told["replayed"] == count
    assert told["changed"] == sum(each["count"] for each in told["changes"]) > 0
    for side in ("before", "after"):
        assert sum(sum(rule[side].values()) for rule in told["rules"]) == count


def test_a_draft_says_whom_it_meets(run: Run, lived: tuple[Path, int], tmp_path: Path) -> None:
    config, _ = lived
    draft = tmp_path / "draft"
    draft.mkdir()
    for file in ("database.toml", "ssh.toml"):
        shutil.copy(a_week.POLICIES / file, draft)
    (draft / "more.toml").write_text(
        '[[rule]]\nid = "no-orders"\nmatch = { column = "orders.total" }\ndo = "block"\n'
        '[[rule]]\nid = "no-tails"\nmatch = { argv = "tail", group = "web" }\ndo = "hold"\nask = { group = "sre" }\n'
    )
    told = replay(run, config, draft)
    found = {
        (each["person"], each["before"]["rule"], each["after"]["rule"]): each for each in told["changes"]
    }
    orders = found["alice@example.com", "developers-work", "no-orders"]
    assert orders["count"] == 21  # and one that was executed by its name
    assert (orders["before"]["outcome"], orders["after"]["outcome"]) == ("allow", "block")
    assert len(orders["examples"]) == 3
    assert orders["examples"][0]["text"].startswith(
        "UPDATE app.orders SET total = $1 WHERE id = $2<U+000A>-- $1"
    )
    tails = found["alice@example.com", "web-team-looks", "no-tails"]
    assert (tails["count"], tails["after"]["outcome"]) == (20, "hold")
    assert not any("sam@example.com" in key for key in found)
    ended = run("policy", "replay", draft, "-c", config, "--fail-on-change")
    assert ended.code == 1
    assert "21 of alice@example.com: allow by developers-work" in ended.out
    assert "\nno-tails " in ended.out
    lines = run("policy", "replay", draft, "-c", config, "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["kind"] for line in lines[:1] + lines[-1:]] == ["change", "summary"]


def test_what_is_not_known_is_said(run: Run, lived: tuple[Path, int], tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text(
        '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'
        '[[rule]]\nid = "bulk"\nmatch = { rows = ">10" }\ndo = "block"\n'
    )
    told = replay(run, lived[0], draft)
    whats = {what.partition(":")[0]: count for what, count in told["not_known"].items()}
    assert whats["typed lines"] == 2
    assert whats["files"] == 6
    assert whats["statements"] > 100
    ended = run("policy", "replay", draft, "-c", lived[0])
    assert "2 typed lines: taken as read from the screen with certainty" in ended.err


@pytest.mark.parametrize("since", ["0s", "soon", "99999999999d", "-1d"])
def test_a_time_that_is_none_is_refused(run: Run, lived: tuple[Path, int], since: str) -> None:
    ended = run("policy", "replay", SHIPPED[0], "-c", lived[0], f"--since={since}")
    assert ended.code == 2
    assert ended.err.startswith("hoop-gateway: --since: ")


def test_without_a_draft_there_is_nothing_to_do(run: Run, lived: tuple[Path, int]) -> None:
    assert run("policy", "replay", "-c", lived[0]).code == 2


def test_it_is_fast_enough(run: Run, lived: tuple[Path, int]) -> None:
    began = time.monotonic()
    replay(run, lived[0], SHIPPED[0])
    assert time.monotonic() - began < 20
