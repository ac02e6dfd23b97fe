"""`tui.toml`: what a person wants of the app. Read once at the start; nothing here writes it.

Every mistake in it is told with file and line, and the app does not start before they are mended: with a key that
means something else than its owner thinks nobody should decide anything.
"""

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from hoop_tui.gateways import addresses
from hoop_tui.sign_in import config_dir

THEME_NAMES = ("dark", "light", "contrast", "ansi")
_SWITCHES = ("plain", "readonly")
_LONGEST = 100_000


class Mistakes(ValueError):
    """All that is wrong, a sentence each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What `tui.toml` says, and what is so where it says nothing."""

    theme: str = "dark"
    plain: bool = False
    readonly: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Name of an action and its keys, as the toolkit writes them."""


def own_settings_file(environ: MutableMapping[str, str]) -> Path:
    return config_dir(environ) / "tui.toml"


def read_own_settings(path: Path) -> OwnSettings:
    """Raises `Mistakes`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return OwnSettings()
    except (OSError, UnicodeDecodeError) as problem:
        raise Mistakes([f"{path} can not be read."]) from problem
    try:
        if len(text) > _LONGEST:
            raise ValueError("it is too long.")
        told = tomllib.loads(text)
    except ValueError as problem:
        found = re.search(r"at line (\d+)", str(problem))
        line = found[1] if found else len(text.splitlines())
        raise Mistakes([f"{path}:{line}: {str(problem).partition(' (at ')[0]}"]) from problem
    return _Reader(path, text).read(told)


class _Reader:
    """Collects what is wrong, each with its line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._lines = path, text.splitlines()
        self._wrong: list[tuple[int, str]] = []

    def read(self, told: Mapping[str, object]) -> OwnSettings:
        for name in told:
            if name not in ("theme", "keys", "gateways", *_SWITCHES):
                self._tell(
                    name, "there is no such setting; there are theme, plain, readonly, [gateways] and [keys]."
                )
        theme = told.get("theme", "dark")
        if theme not in THEME_NAMES:
            self._tell("theme", f"a theme is one of {', '.join(THEME_NAMES)}.")
        for name in _SWITCHES:
            if not isinstance(told.get(name, False), bool):
                self._tell(name, "this is true or false.")
        self._gateways(told.get("gateways", {}))
        keys = self._keys(told.get("keys", {}))
        if self._wrong:
            raise Mistakes([sentence for _, sentence in sorted(self._wrong)])
        return OwnSettings(str(theme), bool(told.get("plain")), bool(told.get("readonly")), keys)

    def _gateways(self, told: object) -> None:
        try:
            addresses(told)
        except ValueError as problem:
            self._tell("gateways", str(problem))

    def _keys(self, told: object) -> dict[str, str]:
        if not isinstance(told, dict):
            self._tell("keys", 'keys are written below [keys], such as: "approvals.approve" = "ctrl+a"')
            return {}
        if not told:
            return {}
        from hoop_tui.own_keys import check, conflicts  # the toolkit takes long to import

        own: dict[str, str] = {}
        for name, wanted in _flat(told):
            try:
                if not isinstance(wanted, str):
                    raise ValueError("a key is written in quotes.")
                own[name] = check(name, wanted)
            except ValueError as problem:
                self._tell(name, str(problem))
        for name, sentence in conflicts(own):
            self._tell(name, sentence)
        return own

    def _tell(self, name: str, sentence: str) -> None:
        last = re.escape(name.rpartition(".")[2] if "(" not in name else name)
        pattern = re.compile(
            rf"""^\s*\[?\s*["']?({re.escape(name)}|([\w."']*\.)?["']?{last})["']?\s*[=\].]"""
        )
        found = [at for at, line in enumerate(self._lines, 1) if pattern.match(line)]
        line = found[0] if found else 1
        self._wrong.append((line, f"{self._path}:{line}: {name}: {sentence}"))


def _flat(told: Mapping[str, object], before: str = "") -> list[tuple[str, object]]:
    """`approvals.approve` may be written with quotes, or as a table in a table."""
    found: list[tuple[str, object]] = []
    for name, value in told.items():
        whole = f"{before}{name}"
        found += _flat(value, f"{whole}.") if isinstance(value, dict) else [(whole, value)]
    return found
