"""`policy replay`: what a draft of a policy would have made of the operations in the ledger."""

import asyncio
import functools
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from gateway.cli.books import opened
from gateway.cli.exits import ERROR, BadUsage
from gateway.cli.given import moment
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath
from gateway.cli.talk import data, rows, say

if TYPE_CHECKING:
    from gateway.app.policy_replay import Replayed
    from gateway.cli.policy_questions import Known
    from gateway.policy.replays import Change, Hits
    from gateway.policy.rules import Policy

Output = Annotated[
    Literal["table", "json", "jsonl"], Parameter(name=["--output", "-o"], help="How to print it.")
]
_OUTCOMES = ("allow", "hold", "block")


def replay(
    *draft: Annotated[Path, Parameter(negative="", help="Files with rules, or directories of them.")],
    since: Annotated[str, Parameter(help="How far to look back, as in 7d or 12h.")] = "7d",
    against: Annotated[
        Literal["now", "recorded"],
        Parameter(help="Compare with the rules of the configuration, or with what happened."),
    ] = "now",
    fail_on_change: Annotated[
        bool, Parameter(negative="", help="End with exit code 1 where something would change.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    output: Output = "table",
) -> int:
    """Say what a draft would have changed.

    The draft is the whole policy, tests included, and takes the place of all rules of the configuration. Every
    operation that the ledger has since then is judged anew, by the draft and by the rules that there are, with the
    groups, labels, addresses and times of then. Nothing is asked of anybody and nothing is written down.
    """
    from gateway.cli.policy_sources import of_config, of_files

    if not draft:
        raise BadUsage("say which draft")
    begin = datetime.now(UTC) - _length(since)
    there = of_config(config)
    found = of_files(draft, there.known)
    done = asyncio.run(_replay(there.known, begin, there.policy, found.policy, against == "recorded"))
    if output == "json":
        facts = {**_facts(done), "changes": [_change(each) for each in done.tally.changes()]}
        data(json.dumps({**facts, "rules": list(_rules(done))}, indent=2))
    elif output == "jsonl":
        for each in done.tally.changes():
            data(json.dumps({"kind": "change", **_change(each)}))
        for rule in _rules(done):
            data(json.dumps({"kind": "rule", **rule}))
        data(json.dumps({"kind": "summary", **_facts(done)}))
    else:
        _print(done, against)
    return ERROR if fail_on_change and done.tally.changed else 0


def _length(since: str) -> timedelta:
    from gateway.app.config_values import read_duration

    try:
        length = read_duration(since)
        if not length:
            raise ValueError("must be longer than nothing")
        datetime.now(UTC) - length
    except ValueError as problem:
        raise BadUsage(f"--since: {problem}") from None
    except OverflowError:
        raise BadUsage("--since: is too long ago") from None
    return length


async def _replay(
    known: "Known", since: datetime, now: "Policy", draft: "Policy", against_recorded: bool
) -> "Replayed":
    from gateway.app.policy_replay import Replay
    from gateway.session.database.parser import Parsers

    assert known.settings is not None
    parsers = Parsers()
    async with opened(known.settings) as ledger:
        try:
            await parsers.start()
            find = functools.cache(known.configured)
            work = Replay(ledger, parsers, now, draft, find, against_recorded=against_recorded)
            return await work.run(since)
        finally:
            await parsers.stop()


def _facts(done: "Replayed") -> dict[str, Any]:
    return {
        "since": moment(done.since),
        "until": moment(done.until),
        "replayed": done.tally.operations,
        "changed": done.tally.changed,
        "left_out": dict(done.left_out),
        "not_known": dict(done.unknown),
    }


def _change(each: "Change") -> dict[str, Any]:
    return {
        "person": each.person,
        "count": each.count,
        "before": {"outcome": each.before.outcome, "rule": each.before.rule, "told": str(each.before)},
        "after": {"outcome": each.after.outcome, "rule": each.after.rule, "told": str(each.after)},
        "examples": [
            {
                "at": moment(one.at),
                "session": one.session,
                "target": one.target,
                "verb": one.verb,
                "text": one.text,
            }
            for one in each.examples
        ],
    }


def _rules(done: "Replayed") -> Iterator[dict[str, Any]]:
    for rule, hits in done.tally.by_rule():
        before, after = ({each: of[each] for each in _OUTCOMES} for of in (hits.before, hits.after))
        yield {"rule": rule, "before": before, "after": after, "most": dict(hits.people.most_common(3))}


def _print(done: "Replayed", against: str) -> None:
    changes = done.tally.changes()
    for each in changes:
        data(f"{each.count} of {each.person}: {each.before} -> {each.after}")
        for one in each.examples:
            data(f"    {moment(one.at)} {one.target}: {one.text}")
    if done.tally.operations:
        if changes:
            data("")
        rows(
            "table",
            ("RULE", "ALLOW", "HOLD", "BLOCK", "HIT MOST"),
            [_row(*each) for each in done.tally.by_rule()],
        )
        data("")
    before = "what happened" if against == "recorded" else "the rules that there are"
    data(
        f"{done.tally.operations} operations since {moment(done.since)}, {done.tally.changed} differ from {before}"
    )
    for why, count in sorted(done.left_out.items()):
        say(f"not judged: {count}, {why}")
    for what, count in sorted(done.unknown.items()):
        say(f"{count} {what}")


def _row(rule: str, hits: "Hits") -> dict[str, Any]:
    most = ", ".join(f"{person} {count}" for person, count in hits.people.most_common(2))
    return {
        "rule": rule,
        **{each: _moved(hits.before, hits.after, each) for each in _OUTCOMES},
        "hit_most": most,
    }


def _moved(before: Counter[str], after: Counter[str], what: str) -> str:
    moved = after[what] - before[what]
    return f"{after[what]} ({moved:+d})" if moved else str(after[what])
