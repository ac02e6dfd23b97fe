"""What only shows when the settings about credentials are seen together: places that nothing says how to reach."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from gateway.app.config_problems import Path
from gateway.app.config_values import SecretReference
from gateway.app.settings import Settings
from gateway.app.settings_targets import TargetTable

Finding = tuple[Path, str]


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    if settings.vault is not None and settings.vault.wrong:
        yield ("vault",), settings.vault.wrong
    for path, reference in references(settings):
        if reference.kind == "vault" and path[0] == "vault":
            yield path, "can not be in the vault that it opens"
        elif reference.kind in ("vault", "vault_ssh") and settings.vault is None:
            yield path, "needs a vault, so a [vault] table must say which and how to sign in there"
    for index, target in enumerate(settings.target):
        for sentence in _accounts(target):
            yield ("target", index, "accounts"), sentence


def references(settings: Settings) -> Iterator[tuple[Path, SecretReference]]:
    """Every reference to a secret, and the setting it is in."""
    yield from _references((), settings)


def _references(path: Path, value: object) -> Iterator[tuple[Path, SecretReference]]:
    if isinstance(value, SecretReference):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _references((*path, name), getattr(value, name))
    elif isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from _references((*path, index), entry)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _references((*path, str(key)), entry)


def _accounts(target: TargetTable) -> Iterator[str]:
    """The first entry that fits counts, so another for the same group or person is a mistake."""
    seen: set[tuple[str | None, str | None]] = set()
    for row in target.accounts:
        key = (row.group, row.person)
        if key in seen:
            yield f'has two entries for "{row.group or row.person}", of which the second never counts'
        seen.add(key)
