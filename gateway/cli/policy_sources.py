"""Rules and tests for a command to work on: those of a configuration, or of files and directories."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.exits import NotFound
from gateway.cli.options import load
from gateway.cli.policy_questions import Known
from gateway.core.errors import Misconfigured
from gateway.core.toml_lines import line_of
from gateway.policy.rules import Policy
from gateway.policy.trials import Trial


@dataclass(frozen=True, slots=True)
class Source:
    """What was read."""

    name: str
    policy: Policy
    trials: tuple[Trial, ...]
    known: Known


def of_config(config: Path) -> Source:
    """All that a configuration holds. Raises `Misconfigured`."""
    from gateway.policy.trials import load_trials

    loaded = load(config)
    return Source(str(config), loaded.policy, load_trials(loaded.documents), Known(loaded.settings))


def of_files(paths: Sequence[Path], known: Known | None = None) -> Source:
    """Files with rules and tests; of a directory every `*.toml` in it. Which groups there are is not known there.
    Raises `Misconfigured` and `NotFound`."""
    from gateway.masking.detectors import DETECTORS
    from gateway.policy.loader import load_policy
    from gateway.policy.trials import load_trials

    documents = [(str(file), _text(file)) for file in _files(paths)]
    policy = load_policy(documents, DETECTORS)
    for name, text in documents:
        _holds_nothing_else(name, text)
    trials = load_trials(documents)
    return Source(", ".join(map(str, paths)), policy, trials, known or Known())


def of_documents(name: str, documents: Sequence[tuple[str, str]], known: Known | None = None) -> Source:
    """Rules and tests of a policy that was in force. Raises `Misconfigured` where they would be refused today."""
    from gateway.masking.detectors import DETECTORS
    from gateway.policy.loader import load_policy
    from gateway.policy.trials import load_trials

    return Source(name, load_policy(documents, DETECTORS), load_trials(documents), known or Known())


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.toml"))
            if not inside:
                raise NotFound(f"there is no file *.toml in {path}")
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _text(file: Path) -> str:
    from gateway.app.config_files import read_text

    if not file.exists():
        raise NotFound(f"there is no file {file}")
    try:
        return read_text(file)
    except ValueError as problem:
        raise Misconfigured(f"{file}: {problem}") from None


def _holds_nothing_else(name: str, text: str) -> None:
    import tomllib

    from gateway.app.config_file import POLICY_TABLES
    from gateway.app.config_problems import did_you_mean

    for key in tomllib.loads(text):
        if key not in POLICY_TABLES:
            hint = did_you_mean(key, POLICY_TABLES)
            line = line_of(text, (key,)) or 1
            raise Misconfigured(f"{name}:{line}: {key}: a file with rules holds nothing else{hint}")
