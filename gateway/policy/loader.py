"""From TOML texts to a Policy. Strict: whatever is misspelt, doubled or can never fire is refused with its line.

Reads no files: it takes names and texts, so that a policy can be checked before it is saved anywhere.
"""

import tomllib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, get_args

from gateway.core.errors import Misconfigured
from gateway.core.toml_lines import line_of, line_of_error
from gateway.policy import columns
from gateway.policy.conditions import read_conditions
from gateway.policy.rules import Condition, Do, Policy, Rule
from gateway.policy.scope import possible_verbs
from gateway.policy.verbs import DATABASES, PROTOCOLS
from gateway.policy.wrong import Wrong, did_you_mean

KEYS = ("id", "on", "match", "unless", "do", "message", "mask")
ACTIONS = get_args(Do)
STRATEGIES = ("redact", "null")
WHERE_TO = 'can never fire: say where to, as in destination = ["db.internal:5432"]'


def load_policy(documents: Sequence[tuple[str, str]], detectors: Iterable[str]) -> Policy:
    """All `[[rule]]` tables of the documents, `(name, text)` each. `detectors` are the names a mask may use. Raises
    `Misconfigured` with every problem, one `file:line: rule "id": sentence` a line."""
    rules: list[Rule] = []
    problems: list[str] = []
    known = tuple(sorted(detectors))
    for name, text in documents:
        for index, table in enumerate(_tables(name, text)):
            place = f"{name}:{line_of(text, ('rule', index)) or 1}"
            try:
                rules.append(_rule(table, place, known))
            except Wrong as wrong:
                line = line_of(text, ("rule", index, *wrong.path)) or 1
                problems.append(f"{name}:{line}: {_called(table)}: {wrong}")
    problems += _doubled(rules)
    if problems:
        raise Misconfigured("\n".join(problems))
    return Policy(tuple(rules), _revision(documents))


def _tables(name: str, text: str) -> list[Any]:
    try:
        rules = tomllib.loads(text).get("rule", [])
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        line = line_of_error(text, problem) if isinstance(problem, tomllib.TOMLDecodeError) else 1
        raise Misconfigured(f"{name}:{line}: this is not TOML: {problem}") from None
    if not isinstance(rules, list):
        line = line_of(text, ("rule",)) or 1
        raise Misconfigured(f"{name}:{line}: rule: write [[rule]] with two brackets")
    return rules


def _called(table: Any) -> str:
    id = table.get("id") if isinstance(table, dict) else None
    return f'rule "{id}"' if isinstance(id, str) else "rule"


def _rule(table: Any, place: str, detectors: tuple[str, ...]) -> Rule:
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
    on = _on(table)
    _can_fire(do, match, unless, on)
    masks = _masks(table, do, detectors)
    if masks - columns.detectors_in(masks) and not _is_about_databases(match, on):
        raise Wrong(("mask",), "can never fire: columns are masked in databases only")
    return Rule(id, do, match, unless, on, _text(table, "message"), masks, place)


def _can_fire(do: Do, match: Sequence[Condition], unless: Sequence[Condition], on: Sequence[str]) -> None:
    asked = possible_verbs("block", match)
    if not possible_verbs("block", match, on):
        said = next((", ".join(c.values) for c in match if c.field == "verb"), match[-1].field)
        raise Wrong(("on",), f"can never fire: there is no {said} over {', '.join(on)}")
    verbs = possible_verbs(do, match, on)
    if (
        do == "allow"
        and verbs == ("listen",)
        and on != ("postgres",)
        and possible_verbs("block", match, ("ssh",))
    ):
        sentence = f'{WHERE_TO}; for LISTEN in SQL write on = ["postgres"]'
        raise Wrong(("match",), sentence)
    if not verbs and do == "mask":
        raise Wrong(("match",), f"can never fire: {', '.join(asked)} shows nothing that could be masked")
    if not verbs and asked == ("typed",):
        raise Wrong(("match",), "can never fire: a line typed in a shell needs no permission of its own")
    if not verbs:
        raise Wrong(("match",), WHERE_TO)
    if unless and not set(verbs) & set(possible_verbs("block", unless, on)):
        raise Wrong(("unless",), "can never lift this rule: nothing meets match and unless at once")


def _is_about_databases(match: Sequence[Condition], on: Sequence[str]) -> bool:
    databases = tuple(protocol for protocol in on or PROTOCOLS if protocol in DATABASES)
    return bool(databases and possible_verbs("mask", match, databases))


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or "\n" in value:
        raise Wrong((key,), f"{key} must be one line of text")
    return value


def _do(table: dict[str, Any]) -> Do:
    do = table.get("do")
    if do == "hold":
        raise Wrong(("do",), "hold is not offered yet; rules can allow, block and mask")
    for action in ACTIONS:
        if do == action:
            return action  # type: ignore[no-any-return]  # get_args of a Literal
    raise Wrong(("do",), f'do must be "allow", "block" or "mask"{did_you_mean(str(do), ACTIONS)}')


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


def _revision(documents: Sequence[tuple[str, str]]) -> str:
    digest = sha256()
    for _, text in documents:
        data = text.encode("utf-8", "surrogateescape")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:12]
