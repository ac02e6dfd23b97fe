"""A loaded configuration as TOML again, every default filled in; what `hoop-gateway config show` prints.

What it writes, `load_config` reads back as the same settings. Rules stay in their files.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.app.config_file import LoadedConfig
from gateway.app.config_keys import PublicKey
from gateway.app.config_problems import Path as KeyPath
from gateway.app.config_values import Address, SecretReference, show_duration, show_size


def as_toml(loaded: LoadedConfig, *, origins: bool = False) -> str:
    """The text. With `origins`, each line ends in a comment that says where its value came from."""
    settings = loaded.settings
    lines = [_line(loaded, ("version",), settings.version, origins)]
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            lines += ["", f"[{name}]", *_table(loaded, (name,), value, origins)]
        elif isinstance(value, tuple):
            for place, entry in enumerate(value):
                lines += ["", f"[[{name}]]", *_table(loaded, (name, place), entry, origins)]
        elif isinstance(value, Mapping):
            for own, entry in value.items():
                lines += ["", f"[{name}.{own}]", *_table(loaded, (name, own), entry, origins)]
    return "\n".join(lines)


def _table(loaded: LoadedConfig, path: KeyPath, model: BaseModel, origins: bool) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        # Keys from a file are shown as keys; naming the file too would read them twice.
        if value is not None and name != "keys_file":
            yield _line(loaded, (*path, name), value, origins)


def _line(loaded: LoadedConfig, path: KeyPath, value: object, origins: bool) -> str:
    text = f"{path[-1]} = {toml_value(value, str(path[-1]))}"
    return f"{text}  # {loaded.origin(path)}" if origins else text


SIZES = ("reserve", "keep_files", "keep_forwards", "keep_result", "max_statement")


def toml_value(value: Any, name: str = "") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return toml_text(show_size(value)) if name in SIZES else str(value)
    if isinstance(value, timedelta):
        return toml_text(show_duration(value))
    if isinstance(value, SecretReference):
        return toml_value(value.as_mapping())
    if isinstance(value, PublicKey):
        return toml_text(f"{value.openssh} {value.comment}".rstrip())
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(toml_value(inner) for inner in value)}]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{toml_text(key)} = {toml_value(entry)}" for key, entry in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    assert isinstance(value, (str, Path, Address)), type(value)
    return toml_text(str(value))


def toml_text(value: str) -> str:
    """A TOML basic string in ASCII, so that no terminal acts upon it."""
    if value.isascii() and value.isprintable():
        return json.dumps(value)
    escaped = (c if " " <= c <= "~" and c not in '"\\' else _escape(c) for c in value)
    return f'"{"".join(escaped)}"'


def _escape(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return f"\\u{ord(letter):04X}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08X}"
