"""`[[test]]`: who asks for what, and what has to come of it. Read as strictly as rules; asked elsewhere.

Whoever runs one makes the operation as the gateway would, and reads SQL with the gateway's own parser.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.errors import Misconfigured
from gateway.core.toml_lines import line_of
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.policy.tables import tables
from gateway.policy.verbs import FILE_VERBS, FORWARD_VERBS, TWO_PATHS
from gateway.policy.wrong import Wrong, did_you_mean

WANTED = {"allow": Allow, "hold": Hold, "block": Deny}
ASKED = ("sql", "command", "path", "destination")
"""What is asked for: one of these, or a verb alone."""
ALONE = ("shell", "sign", "subsystem")
NOTED = ("masks", "alerts", "observed")
LISTS = ("groups", "path", *NOTED)
TEXTS = (
    "name",
    "user",
    "target",
    "login",
    "source",
    "client",
    "verb",
    "sql",
    "command",
    "destination",
    "rule",
)
KEYS = (*TEXTS, *LISTS, "labels", "at", "rows", "want")


@dataclass(frozen=True, slots=True)
class Scene:
    """Who asks for what, where."""

    user: str
    target: str
    verb: str
    """Of SQL the statements say themselves: there it is empty."""
    sql: str | None = None
    command: str = ""
    path: tuple[str, ...] = ()
    destination: str = ""
    groups: frozenset[str] | None = None
    """None, and so with labels: what is known of this person; else none."""
    labels: Mapping[str, str] | None = None
    login: str = ""
    source: str = "127.0.0.1"
    client: str = ""
    at: datetime | None = None
    rows: int | None = None
    """About how many a statement is; None: nobody knows."""

    @property
    def kind(self) -> str:
        """Of target that it takes."""
        return "postgres" if self.sql is not None else "ssh"


@dataclass(frozen=True, slots=True)
class Trial:
    """One `[[test]]`. What is None is not looked at."""

    name: str
    place: str
    scene: Scene
    want: str
    rule: str = ""
    noted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """`masks`, `alerts` and `observed`, where they are said."""


def load_trials(documents: Sequence[tuple[str, str]]) -> tuple[Trial, ...]:
    """All `[[test]]` tables of the documents, `(name, text)` each. Raises `Misconfigured` as rules do."""
    found: list[Trial] = []
    problems: list[str] = []
    for name, text in documents:
        for index, table in enumerate(tables(name, text, "test")):
            place = f"{name}:{line_of(text, ('test', index)) or 1}"
            try:
                found.append(_trial(table, place))
            except Wrong as wrong:
                line = line_of(text, ("test", index, *wrong.path)) or 1
                problems.append(f"{name}:{line}: {_called(table)}: {wrong}")
    if problems:
        raise Misconfigured("\n".join(problems))
    return tuple(found)


def outcome(verdict: Verdict) -> str:
    """In the word that tests use."""
    return next(word for word, kind in WANTED.items() if isinstance(verdict, kind))


def hardest(verdicts: Iterable[Verdict]) -> Verdict:
    """What becomes of several statements in one message: none is sent unless all may be."""
    order = list(WANTED.values())
    return max(verdicts, key=lambda verdict: order.index(type(verdict)))


def what_is_wrong(trial: Trial, verdict: Verdict) -> str:
    """How the verdict differs from what was wanted; empty where it does not."""
    got = outcome(verdict)
    if got != trial.want:
        return f"wanted {trial.want}, got {got} by {verdict.rule}"
    if trial.rule and trial.rule != verdict.rule:
        return f"wanted {got} by {trial.rule}, got it by {verdict.rule}"
    for key, wanted in trial.noted.items():
        found: frozenset[str] = getattr(verdict, key, frozenset())
        if found != wanted:
            return f"wanted {key} {_listed(wanted)}, got {_listed(found)}"
    return ""


def scene_problem(scene: Scene) -> tuple[str, str]:
    """The key that is wrong, and a sentence; empty where nothing is."""
    asked = [bool(scene.path), bool(scene.destination), bool(scene.command), scene.sql is not None]
    if sum(asked) > 1 or not (any(asked) or scene.verb):
        return "", f"asks for one thing: {', '.join(ASKED)}, or verb alone"
    if scene.rows is not None and scene.sql is None:
        return "rows", "rows belong to sql"
    if scene.sql is not None:
        return ("verb", "the statement says its verb itself") if scene.verb else ("", "")
    known: Sequence[str] = ALONE
    if scene.path:
        known = FILE_VERBS
        least = 2 if scene.verb in TWO_PATHS else 1
        if scene.verb in FILE_VERBS and len(scene.path) != least:
            return "path", f"{scene.verb} has {least} path{'s' * (least > 1)}"
        if not all(path.startswith("/") for path in scene.path):
            return "path", "path must begin with /, as the target resolves it"
    elif scene.destination:
        known = FORWARD_VERBS
    elif scene.command:
        known = ("exec", "typed")
    if scene.verb not in known:
        return "verb", f"verb must be {', '.join(known)} here{did_you_mean(scene.verb, known)}"
    return "", ""


def usual_verb(asked: Mapping[str, Any]) -> str:
    """What is meant where no verb is said."""
    return "exec" if "command" in asked else "forward" if "destination" in asked else ""


def _trial(table: Any, place: str) -> Trial:
    if not isinstance(table, dict):
        raise Wrong((), "must be a table")
    for key in table:
        if key not in KEYS:
            raise Wrong((key,), f"unknown key {key}{did_you_mean(key, KEYS)}")
    for key in ("name", "user", "target", "want"):
        if key not in table:
            raise Wrong((), f"{key} is missing")
    if table["want"] not in WANTED:
        raise Wrong(("want",), f"want must be {', '.join(WANTED)}{did_you_mean(str(table['want']), WANTED)}")
    texts = {key: _text(table, key) for key in TEXTS if key in table}
    lists = {key: _list(table, key) for key in LISTS if key in table}
    name, rule = texts.pop("name"), texts.pop("rule", "")
    noted = {key: frozenset(lists[key]) for key in NOTED if key in lists}
    scene = Scene(
        **{"verb": usual_verb(table), **texts},
        path=lists.get("path", ()),
        groups=frozenset(lists["groups"]) if "groups" in lists else None,
        labels=_labels(table["labels"]) if "labels" in table else None,
        at=_moment(table["at"]) if "at" in table else None,
        rows=_number(table["rows"]) if "rows" in table else None,
    )
    key, sentence = scene_problem(scene)
    if sentence:
        raise Wrong((key,) if key in table else (), sentence)
    return Trial(name, place, scene, table["want"], rule, noted)


def _called(table: Any) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f'test "{name}"' if isinstance(name, str) else "test"


def _text(table: dict[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or (not value and key != "sql"):
        raise Wrong((key,), f"{key} must be text")
    return value


def _list(table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = [table[key]] if isinstance(table[key], str) else table[key]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Wrong((key,), f"{key} must be a list of texts")
    return tuple(value)


def _labels(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Wrong(("labels",), 'labels must be a table of texts, as in { env = "prod" }')
    return dict(given)


def _moment(given: Any) -> datetime:
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise Wrong(("at",), "at must be a time with its zone and no quotes, as in 2026-11-20T10:00:00Z")
    return given


def _number(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise Wrong(("rows",), "rows must be a whole number, as in 10000")
    return given


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
