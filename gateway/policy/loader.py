"""From TOML texts to a Policy. Strict: whatever is misspelt, doubled or can never fire is refused with its line.

Reads no files: it takes names and texts, so that a policy can be checked before it is saved anywhere.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, get_args

from gateway.core.errors import Misconfigured
from gateway.core.toml_lines import line_of
from gateway.policy import asking, columns
from gateway.policy.asking import Groups, read_asking, read_risk
from gateway.policy.conditions import read_conditions
from gateway.policy.members import Members, check_members
from gateway.policy.reach import can_fire
from gateway.policy.rules import Asking, Condition, Do, Policy, Rule
from gateway.policy.scope import possible_verbs
from gateway.policy.tables import tables
from gateway.policy.verbs import DATABASES, PROTOCOLS
from gateway.policy.when import When, compile_when
from gateway.policy.wrong import Wrong, did_you_mean

KEYS = (
    *("id", "on", "match", "unless", "when", "do", "message", "mask"),
    *asking.KEYS,
    *("risk", "observe"),
)
ACTIONS = get_args(Do)
STRATEGIES = ("redact", "null")
OBSERVABLE = ("block", "hold", "mask")
RISKY = ("hold", "alert")


def load_policy(
    documents: Sequence[tuple[str, str]],
    detectors: Iterable[str],
    groups: Groups = None,
    members: Members | None = None,
) -> Policy:
    """All `[[rule]]` tables of the documents, `(name, text)` each. `detectors` are the names a mask may use, `groups`
    those that a person is in, who can be asked, and `members` all that rules can be about. Raises `Misconfigured`
    with every problem, a `file:line: rule "id": sentence` each."""
    rules: list[Rule] = []
    problems: list[str] = []
    known = tuple(sorted(detectors))
    for name, text in documents:
        for index, table in enumerate(tables(name, text, "rule")):
            place = f"{name}:{line_of(text, ('rule', index)) or 1}"
            try:
                rule = _rule(table, place, known, groups)
                check_members(rule.match, "match", members)
                check_members(rule.unless, "unless", members)
                rules.append(rule)
            except Wrong as wrong:
                line = line_of(text, ("rule", index, *wrong.path)) or 1
                problems.append(f"{name}:{line}: {_called(table)}: {wrong}")
    problems += _doubled(rules)
    if problems:
        raise Misconfigured("\n".join(problems))
    sha256 = _digest(documents)
    return Policy(tuple(rules), sha256[:12], sha256)


def _called(table: Any) -> str:
    id = table.get("id") if isinstance(table, dict) else None
    return f'rule "{id}"' if isinstance(id, str) else "rule"


def _rule(table: Any, place: str, detectors: tuple[str, ...], groups: Groups) -> Rule:
    if not isinstance(table, dict):
        raise Wrong((), "must be a table")
    for key in table:
        if key not in KEYS:
            raise Wrong((key,), f"unknown key {key}{did_you_mean(key, KEYS)}")
    id = _text(table, "id")
    if not id or not id.replace("-", "").replace("_", "").replace(".", "").isalnum() or not id.isascii():
        raise Wrong(("id",), "id must be a word of letters, digits, - _ and .")
    do = _do(table)
    if "match" not in table:
        raise Wrong((), 'match is missing; for everything write match = { user = "*" }')
    match = read_conditions(table["match"], "match")
    unless = read_conditions(table["unless"], "unless") if "unless" in table else ()
    if unless and set(unless) <= set(match):
        raise Wrong(("unless",), "can never fire: whatever matches is excepted")
    on, when = _on(table), _when(table)
    can_fire(do, match, unless, on, when)
    masks = _masks(table, do, detectors)
    if masks - columns.detectors_in(masks) and not _is_about_databases(match, on):
        raise Wrong(("mask",), "can never fire: columns are masked in databases only")
    return Rule(
        *(id, do, match, unless, on, _text(table, "message"), masks, place),
        when=when,
        asking=_asking(table, do, groups),
        risk=_risk(table, do),
        observe=_observe(table, do),
    )


def _is_about_databases(match: Sequence[Condition], on: Sequence[str]) -> bool:
    databases = tuple(protocol for protocol in on or PROTOCOLS if protocol in DATABASES)
    return bool(databases and possible_verbs("mask", match, databases))


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or "\n" in value:
        raise Wrong((key,), f"{key} must be one line of text")
    return value


def _when(table: dict[str, Any]) -> When | None:
    if "when" not in table:
        return None
    try:
        return compile_when(_text(table, "when"))
    except ValueError as problem:
        raise Wrong(("when",), str(problem)) from None


def _asking(table: dict[str, Any], do: Do, groups: Groups) -> Asking | None:
    if do == "hold":
        return read_asking(table, groups)
    for key in asking.KEYS:
        if key in table:
            raise Wrong((key,), f'{key} belongs to do = "hold"')
    return None


def _risk(table: dict[str, Any], do: Do) -> str:
    if "risk" in table and do not in RISKY:
        raise Wrong(("risk",), 'risk belongs to do = "hold" or "alert"')
    return read_risk(table)


def _observe(table: dict[str, Any], do: Do) -> bool:
    observe = table.get("observe", False)
    if not isinstance(observe, bool):
        raise Wrong(("observe",), "observe must be true or false, without quotes")
    if observe and do not in OBSERVABLE:
        raise Wrong(("observe",), "observe is for rules that block, hold or mask")
    return observe


def _do(table: dict[str, Any]) -> Do:
    do = table.get("do")
    for action in ACTIONS:
        if do == action:
            return action  # type: ignore[no-any-return]  # get_args of a Literal
    raise Wrong(
        ("do",), f'do must be "allow", "block", "hold", "mask" or "alert"{did_you_mean(str(do), ACTIONS)}'
    )


def _on(table: dict[str, Any]) -> tuple[str, ...]:
    on = table.get("on", list(PROTOCOLS))
    if not isinstance(on, list) or not on:
        raise Wrong(("on",), 'on must be a list of protocols, as in ["ssh"]; an empty one can never fire')
    for protocol in on:
        if protocol not in PROTOCOLS:
            raise Wrong(("on",), f"unknown protocol {protocol}{did_you_mean(str(protocol), PROTOCOLS)}")
    return tuple(table["on"]) if "on" in table else ()


def _masks(table: dict[str, Any], do: Do, detectors: tuple[str, ...]) -> frozenset[str]:
    masks = table.get("mask", {})
    if (do == "mask") != ("mask" in table):
        sentence = "mask is missing: say what to mask" if do == "mask" else 'mask belongs to do = "mask"'
        raise Wrong(("mask",) if "mask" in table else (), sentence)
    if not isinstance(masks, dict) or (do == "mask" and not masks):
        raise Wrong(("mask",), 'mask must name detectors or columns, as in { card = "redact" }')
    return frozenset(_mask(name, strategy, detectors) for name, strategy in masks.items())


def _mask(name: str, strategy: Any, detectors: tuple[str, ...]) -> str:
    """The name of one mask as verdicts carry it."""
    if columns.is_column(name):
        if sentence := columns.problem(name):
            raise Wrong(("mask", name), sentence)
        if strategy not in STRATEGIES:
            raise Wrong(("mask", name), f'{name} must be "redact" or "null"')
        return name + columns.NULL if strategy == "null" else name
    if name not in detectors:
        hint = did_you_mean(name, detectors) or f'; a column is named with its table, as in "*.{name}"'
        raise Wrong(("mask", name), f"unknown detector {name}{hint}")
    if strategy != "redact":
        only = ': "null" is for columns' if strategy == "null" else ", the one way to mask so far"
        raise Wrong(("mask", name), f'{name} must be "redact"{only}')
    return name


def _doubled(rules: Sequence[Rule]) -> list[str]:
    seen: dict[str, str] = {}
    problems = []
    for rule in rules:
        first = seen.setdefault(rule.id, rule.place)
        if first != rule.place:
            problems.append(f'{rule.place}: rule "{rule.id}": this id is taken at {first}')
    return problems


def _digest(documents: Sequence[tuple[str, str]]) -> str:
    digest = sha256()
    for _, text in documents:
        data = text.encode("utf-8", "surrogateescape")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
