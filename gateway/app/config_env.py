"""Settings from the environment: `HOOP_GATEWAY__DATA_DIR=/srv/hoop` is `data_dir` in `[gateway]`.

Only single values of the plain tables can be set so; people, targets and lists live in the file. A variable
with `__` in it that names no setting is an error, so that a typing mistake can not go unnoticed.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, BeforeValidator

from gateway.app.config_problems import Path, Problem, did_you_mean
from gateway.app.settings import Settings

_PREFIX = "HOOP_"
_LISTS = ("person", "target", "policy", "notify")


def scalar_settings() -> dict[str, Path]:
    """Each variable that is understood, and the key it sets."""
    found: dict[str, Path] = {}
    for table, field in Settings.model_fields.items():
        model = table_model(field.annotation)
        if model is None or table in _LISTS:
            continue
        for key, own in model.model_fields.items():
            text = str(own.annotation)
            if "tuple" not in text and "SecretReference" not in text:
                found[f"{_PREFIX}{table}__{key}".upper()] = (table, key)
    return found


def table_model(annotation: object) -> type[BaseModel] | None:
    """The model behind `X`, `X | None` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = table_model(part)
        if found is not None:
            return found
    return None


def apply_environment(
    raw: dict[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Path, str], list[Problem]]:
    """`raw` with the variables laid over it, which key came from which variable, and what is wrong."""
    known = scalar_settings()
    merged, origins, problems = dict(raw), {}, []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or "__" not in variable:
            continue
        path = known.get(variable)
        if path is None:
            sentence = "this variable names no setting that the environment can set"
            problems.append(Problem(variable, 0, "", sentence + did_you_mean(variable, known)))
            continue
        table, key = str(path[0]), str(path[1])
        own = merged.get(table, {})
        if isinstance(own, dict):
            merged[table] = {**own, key: _value(path, environ[variable])}
            origins[path] = variable
    return merged, origins, problems


def _value(path: Path, text: str) -> object:
    model = table_model(Settings.model_fields[str(path[0])].annotation)
    assert model is not None
    field = model.model_fields[str(path[1])]
    is_number = field.annotation is int and not any(isinstance(m, BeforeValidator) for m in field.metadata)
    return int(text) if is_number and text.isascii() and text.isdigit() and len(text) < 10 else text
