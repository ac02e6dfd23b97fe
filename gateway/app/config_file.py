"""From one TOML file (and the environment) to Settings: `load_config`.

Reads, validates and reports everything that is wrong at once; starts nothing. The rules in the file and beside it
are handed on as documents; the policy room understands them.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.app import config_files
from gateway.app.config_checks import Finding, check
from gateway.app.config_env import apply_environment, table_model
from gateway.app.config_problems import (
    ConfigurationProblems,
    Problem,
    did_you_mean,
    dotted,
    from_findings,
    without_bad_parts,
)
from gateway.app.config_problems import Path as KeyPath
from gateway.app.settings import Settings
from gateway.app.settings_notify import NOTIFY_KINDS
from gateway.app.settings_people import Person
from gateway.app.settings_targets import KINDS
from gateway.core.errors import Misconfigured
from gateway.core.plain import plain
from gateway.core.toml_lines import line_of, line_of_error
from gateway.masking.detectors import DETECTORS
from gateway.policy.loader import load_policy
from gateway.policy.members import Members
from gateway.policy.rules import Policy
from gateway.policy.trials import load_trials

POLICY_TABLES = ("rule", "test")
"""Top-level tables that belong to the policy room: in the main file, and all that a file with rules may hold."""

_PLACED = re.compile(r"(.+?):(\d+): (.*)", re.DOTALL)
_AT_LINE = re.compile(r" \(at (?:line \d+, column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration that can be used, and where it came from."""

    path: Path
    text: str
    settings: Settings
    documents: tuple[tuple[str, str], ...]
    """Name and text of everything that holds rules."""
    policy: Policy
    """What they amount to."""
    sha256: str
    """Over all files that are part of the configuration, and what the environment said."""
    from_environment: Mapping[KeyPath, str]
    written: Mapping[str, Any]
    """What the main file itself says, rules aside."""

    def origin(self, path: KeyPath) -> str:
        """Where the value at `path` came from: a variable, `file:line`, or `default`."""
        if path in self.from_environment:
            return f"env {self.from_environment[path]}"
        return f"{self.path}:{line_of(self.text, path)}" if _holds(self.written, path) else "default"


def _holds(raw: object, path: KeyPath) -> bool:
    for part in path:
        if isinstance(raw, Mapping) and part in raw:
            raw = raw[str(part)]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return False
    return True


def load_config(
    path: Path, *, environ: Mapping[str, str] | None = None, look_at_secrets: bool = True
) -> LoadedConfig:
    """Read `path`. Raises `ConfigurationProblems` (a `Misconfigured`) with everything that is wrong."""
    return _Loading(path, os.environ if environ is None else environ).load(look_at_secrets)


class _Loading:
    """One reading of one configuration: collects problems until the end."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._directory = path.absolute().parent
        self._environ = environ
        self._text = ""
        self._variables: dict[KeyPath, str] = {}
        self._elsewhere: dict[KeyPath, tuple[str, int]] = {}
        self._problems: list[Problem] = []
        self._kept: dict[str, list[int]] = {}
        """Where some people or targets were left out: the places in the file of those that were not."""

    def load(self, look_at_secrets: bool) -> LoadedConfig:
        raw = self._read()
        documents = self._documents(raw)
        written = raw
        raw, self._variables, unknown = apply_environment(raw, self._environ)
        self._problems += unknown
        settings = self._validate(raw)
        policy = self._policy(documents, settings)
        if settings is not None:
            self._find(list(check(settings)))
            if look_at_secrets:
                self._find(list(config_files.look_at_secrets(settings)))
        if settings is None or policy is None or self._problems:
            raise ConfigurationProblems(self._problems)
        digest = self._digest(settings, documents)
        return LoadedConfig(
            self._path, self._text, settings, documents, policy, digest, self._variables, written
        )

    def _read(self) -> dict[str, Any]:
        name = str(self._path)
        try:
            self._text = config_files.read_text(self._path)
            return _parsed(name, self._text)
        except ValueError as problem:
            raise ConfigurationProblems([Problem(name, 0, "", str(problem))]) from None

    def _documents(self, raw: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """Everything with rules in it. Takes the policy room's tables out of `raw`."""
        tables = [raw.pop(table) for table in POLICY_TABLES if table in raw]
        found = [(str(self._path), self._text)] if tables else []
        policy = raw.get("policy")
        patterns = policy.get("files", ()) if isinstance(policy, dict) else ()
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            return tuple(found)
        files, findings = config_files.rule_files(tuple(patterns), self._directory)
        self._find(findings)
        return (*found, *filter(None, map(self._document, files)))

    def _document(self, file: Path) -> tuple[str, str] | None:
        """A file with rules, if it holds nothing else."""
        name = str(file)
        try:
            text = config_files.read_text(file)
            tables = _parsed(name, text)
        except ValueError as problem:
            self._problems.append(Problem(name, 0, "", str(problem)))
            return None
        except ConfigurationProblems as problems:
            self._problems += problems.problems
            return None
        for key in tables:
            if key not in POLICY_TABLES:
                sentence = f"a file with rules holds nothing else{did_you_mean(key, POLICY_TABLES)}"
                self._problems.append(Problem(name, line_of(text, (key,)) or 0, dotted((key,)), sentence))
        return name, text

    def _policy(self, documents: tuple[tuple[str, str], ...], settings: Settings | None) -> Policy | None:
        try:
            load_trials(documents)
            known = None if self._problems else settings
            return load_policy(documents, DETECTORS, _groups(known), _members(known))
        except Misconfigured as problems:
            for line in problems.sentence.split("\n"):
                placed = _PLACED.fullmatch(line)
                file, number, sentence = placed.groups() if placed else (str(self._path), "0", line)
                self._problems.append(Problem(file, int(number), "", sentence))
            return None

    def _validate(self, raw: dict[str, Any]) -> Settings | None:
        """The settings. Where there are problems, still the part that can be checked further."""
        context = {"directory": self._directory}
        try:
            settings = Settings.model_validate(raw, context=context)
        except ValidationError as errors:
            findings = [dict(finding) for finding in errors.errors(include_url=False)]
            self._problems += from_findings(findings, self._where, _unknown)
            rest, self._kept = without_bad_parts(raw, findings)
            try:
                settings = Settings.model_validate(rest, context=context)
            except ValidationError:
                return None
        people = tuple(self._with_keys_file(index, person) for index, person in enumerate(settings.person))
        return settings.model_copy(update={"person": people})

    def _with_keys_file(self, index: int, person: Person) -> Person:
        if person.keys_file is None:
            return person
        keys, problems, unreadable = config_files.read_keys_file(person.keys_file)
        self._problems += problems
        if unreadable:
            self._find([(("person", index, "keys_file"), f"{person.keys_file}: {unreadable}")])
        for place, (line, _) in enumerate(keys, len(person.keys)):
            self._elsewhere["person", index, "keys", place] = (str(person.keys_file), line)
        return person.model_copy(update={"keys": person.keys + tuple(key for _, key in keys)})

    def _find(self, findings: Sequence[Finding]) -> None:
        for path, sentence in findings:
            self._problems.append(Problem(*self._where(path), dotted(path), sentence))

    def _where(self, path: KeyPath) -> tuple[str, int]:
        if path in self._elsewhere:
            return self._elsewhere[path]
        if path[:2] in self._variables:
            return self._variables[path[:2]], 0
        if path[0] in self._kept and len(path) > 1:
            path = (path[0], self._kept[str(path[0])][int(path[1])], *path[2:])
        return str(self._path), line_of(self._text, path) or 0

    def _digest(self, settings: Settings, documents: Sequence[tuple[str, str]]) -> str:
        digest = sha256()
        parts = [("hoop.toml", self._text), *documents]
        parts += [(variable, self._environ[variable]) for variable in sorted(self._variables.values())]
        parts += [(person.name, "\n".join(key.openssh for key in person.keys)) for person in settings.person]
        for name, text in parts:
            for part in (name, text):
                data = part.encode("utf-8", "surrogateescape")
                digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()


def _groups(settings: Settings | None) -> frozenset[str] | None:
    """The groups that somebody is in. None: nobody can tell, because a provider says who is in which."""
    if settings is None or settings.issuer:
        return None
    return frozenset(group for person in settings.person for group in person.groups)


def _members(settings: Settings | None) -> Members | None:
    """Everybody whom rules can be about. None: nobody can tell."""
    if settings is None or settings.issuer:
        return None
    people, machines = settings.person, settings.machine
    names = frozenset([each.name for each in people] + [each.name for each in machines])
    groups = frozenset[str]().union(*(each.groups for each in people), *(each.groups for each in machines))
    return Members(names, groups)


def _parsed(name: str, text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises `ConfigurationProblems`."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigurationProblems([Problem(name, 0, "", "is nested too deeply")]) from None
    except ValueError as problem:
        reason = plain(_AT_LINE.sub("", str(problem))) or "it can not be read"
        sentence = f"this is not TOML: {reason[0].lower()}{reason[1:]}"
        raise ConfigurationProblems([Problem(name, line_of_error(text, problem), "", sentence)]) from None


_KINDS_OF: Mapping[str, Mapping[str, type[BaseModel]]] = {"target": KINDS, "notify": NOTIFY_KINDS}
_CALLED = {"target": "targets", "notify": "receivers"}


def _unknown(path: KeyPath) -> str:
    """What is wrong with a key that is no setting."""
    key = str(path[-1])
    kinds = _KINDS_OF.get(str(path[0]), {})
    others = [kind for kind, table in kinds.items() if key in table.model_fields and kind not in path[2:]]
    if others:
        return f"only {_CALLED[str(path[0])]} of kind {' and '.join(others)} have it"
    return "there is no such setting" + did_you_mean(key, _known_keys(path[:-1]))


def _known_keys(path: KeyPath) -> list[str]:
    """The keys that may stand in the table at `path`."""
    model: type[BaseModel] | None = Settings
    for place, part in enumerate(path):
        if place == 2 and path[0] in _KINDS_OF:
            model = _KINDS_OF[str(path[0])].get(str(part), model)
        elif place == 1 and path[0] in _KINDS_OF:
            continue
        elif isinstance(part, str) and model is not None:
            field = model.model_fields.get(part)
            model = table_model(field.annotation) if field else None
    known = list(model.model_fields) if model is not None else []
    return known + list(POLICY_TABLES) if not path else known
