"""`policy check`, `policy test`, `policy explain` and `policy diff`. None of them needs a running gateway."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gateway.cli.exits import ERROR, BadUsage
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing
from gateway.cli.talk import complain, data, say

if TYPE_CHECKING:
    from gateway.cli.policy_questions import Known
    from gateway.cli.policy_sources import Source
    from gateway.policy.trials import Scene

Files = Annotated[
    Path,
    Parameter(
        negative="", help="Files with rules and tests, or directories of them; else the configuration."
    ),
]
Several = Annotated[list[str] | None, Parameter(negative="")]


def check(*files: Files, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """Say everything that is wrong with rules and tests.

    Of a configuration everything is read, as `config check --text-only` does, because rules are about its people and
    targets. Files by themselves know no groups: whether somebody is in one that is asked is not looked at.
    """
    source = _source(files, config)
    counts = {do: sum(rule.do == do for rule in source.policy.rules) for do in _ACTIONS}
    observing = sum(rule.observe for rule in source.policy.rules)
    if output == "json":
        facts = {"revision": source.policy.revision, "rules": counts, "observing": observing}
        data(json.dumps({**facts, "tests": len(source.trials)}, indent=2))
        return 0
    said = ", ".join(f"{count} {do}" for do, count in counts.items() if count) or "no rule: all is blocked"
    data(
        f"{source.name}: good - {said}; {_count(len(source.trials), 'test')}; revision {source.policy.revision}"
    )
    if observing:
        say(f"observing only: {_count(observing, 'rule')}")
    return 0


def run_tests(*files: Files, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """Run the tests beside the rules.

    Ends with exit code 1 if one of them fails, or if there is none.
    """
    from gateway.cli.policy_runs import as_data, run

    source = _source(files, config)
    ran = run(source.trials, source.policy, source.known)
    if output == "json":
        data(json.dumps([as_data(each) for each in ran], indent=2))
    for each in ran:
        if each.problem and output != "json":
            data(f"{each.trial.place}: {each.trial.name}: {each.problem}")
    failed = sum(bool(each.problem) for each in ran)
    if not ran:
        complain(f"{source.name}: there is no [[test]]")
    elif output != "json":
        data(f"{_count(len(ran), 'test')}, {failed} failed")
    return ERROR if failed or not ran else 0


def explain(
    *,
    user: Annotated[str, Parameter(help="Who asks.")],
    target: Annotated[str, Parameter(help="Where.")],
    sql: Annotated[str | None, Parameter(help="SQL, one or several statements.")] = None,
    command: Annotated[str, Parameter(help="A command line.")] = "",
    path: Annotated[Several, Parameter(help="A file, with --verb; twice for rename and link.")] = None,
    destination: Annotated[str, Parameter(help="Where a forwarded connection leads.")] = "",
    verb: Annotated[
        str, Parameter(help="What is asked for, where it is not plain: upload, typed, listen, shell.")
    ] = "",
    group: Annotated[Several, Parameter(help="A group that they are in, again for each.")] = None,
    label: Annotated[Several, Parameter(help="A label of the target, as env=prod, again for each.")] = None,
    login: Annotated[str, Parameter(help="The account on the target.")] = "",
    source: Annotated[str, Parameter(help="The address they come from.")] = "127.0.0.1",
    client: Annotated[str, Parameter(help="What their program calls itself.")] = "",
    at: Annotated[
        datetime | None, Parameter(help="When; now if not said. UTC unless it says otherwise.")
    ] = None,
    rows: Annotated[int | None, Parameter(help="About so many rows; else nobody knows.")] = None,
    file: Annotated[Several, Parameter(help="Rules of this file or directory instead.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    output: Listing = "table",
) -> int:
    """Say of each rule why it matches or not.

    Groups and labels are those of the configuration unless others are said. Of several statements each is explained.
    """
    from gateway.cli.policy_questions import operations_of, read_sql, session_of
    from gateway.cli.policy_runs import explained, print_explained
    from gateway.policy.explain import explain as ask
    from gateway.policy.trials import Scene, usual_verb

    given = {"command": command} if command else {"destination": destination} if destination else {}
    when = at or datetime.now(UTC)
    scene = Scene(
        *(user, target, verb or usual_verb(given), sql, command, tuple(path or ()), destination),
        groups=frozenset(group) if group is not None else None,
        labels=_labels(label) if label is not None else None,
        login=login,
        source=source,
        client=client,
        at=when if when.tzinfo else when.replace(tzinfo=UTC),
        rows=rows,
    )
    _must_be_whole(scene)
    found = _source([Path(each) for each in file or ()], config)
    session = session_of(scene, found.known)
    operations = operations_of(scene, read_sql([scene]))
    told = [ask(found.policy, operation, session, scene.at) for operation in operations]
    if output == "json":
        texts = [operation.text for operation in operations]
        data(json.dumps([explained(each, text) for each, text in zip(told, texts, strict=True)], indent=2))
        return 0
    for operation, each in zip(operations, told, strict=True):
        if len(told) > 1:
            data(f"-- {operation.text}")
        print_explained(each)
    return 0


def diff(old: Path, new: Path, /, *, config: ConfigPath | None = None, output: Listing = "table") -> int:
    """Say what is different between two sets of rules, and which tests of either come out otherwise.

    Ends with exit code 1 where something is different. With `--config` its people
    and targets are known to tests, and its ledger has the policies that are named by their numbers.

    Parameters
    ----------
    old
        A file with rules, a directory of them, or the number of a policy that was in force.
    new
        Another.
    """
    from gateway.cli.policy_runs import run
    from gateway.cli.policy_sources import of_config
    from gateway.policy.difference import difference

    known = of_config(config).known if config is not None else None
    before, after = (_one_of_two(each, known, config or DEFAULT_CONFIG) for each in (old, new))
    scenes = [each.scene for each in after.trials]
    trials = [*after.trials, *(each for each in before.trials if each.scene not in scenes)]
    pairs = zip(run(trials, before.policy, before.known), run(trials, after.policy, after.known), strict=True)
    moved = [
        {
            "test": then.trial.name,
            "place": then.trial.place,
            "old": then.came,
            "new": now.came,
        }
        for then, now in pairs
        if then.came != now.came
    ]
    changes = difference(before.policy, after.policy)
    if output == "json":
        revisions = {"old": before.policy.revision, "new": after.policy.revision}
        data(json.dumps({"revisions": revisions, **asdict(changes), "tests": moved}, indent=2))
    else:
        listed = [(kind, id) for kind, ids in asdict(changes).items() for id in ids]
        for kind, id in listed:
            data(f"{kind}: {id}")
        for each in moved:
            data(f"test {each['test']}: {each['old']} -> {each['new']}")
        data(f"{_count(len(listed), 'rule')} and the outcome of {_count(len(moved), 'test')} differ")
    return ERROR if changes or moved else 0


_ACTIONS = ("allow", "block", "hold", "mask", "alert")


def _source(files: "tuple[Path, ...] | list[Path]", config: Path) -> "Source":
    from gateway.cli.policy_sources import of_config, of_files

    return of_files(files) if files else of_config(config)


def _one_of_two(given: Path, known: "Known | None", config: Path) -> "Source":
    from gateway.cli.policy_revisions import is_revision, stored
    from gateway.cli.policy_sources import of_documents, of_files

    if not is_revision(given):
        return of_files([given], known)
    kept = stored(str(given), config)
    return of_documents(f"revision {kept.number}", kept.documents, known)


def _must_be_whole(scene: "Scene") -> None:
    from gateway.policy.trials import scene_problem

    key, sentence = scene_problem(scene)
    if sentence:
        raise BadUsage(f"--{key}: {sentence}" if key else f"say what is asked: {sentence}")


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if not all(key and sign for key, sign, _ in pairs):
        raise BadUsage("--label: write it as env=prod")
    return {key: value for key, _, value in pairs}


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
