"""docs/configuration.md: every setting is there, with its default, and nothing that is not a setting."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gateway.app.config_env import table_model
from gateway.app.config_file import LoadedConfig
from gateway.app.config_show import toml_value
from gateway.app.settings import Settings
from gateway.app.settings_kinds import Role
from gateway.app.settings_notify import NOTIFY_KINDS, NotifyTable
from gateway.app.settings_targets import KINDS

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]*) \| ([^|]*) \| (.+) \|$", re.MULTILINE)
# Those that follow from the data directory; test_load_config.py tests them.
BESIDE_THE_DATA = {("store", "url"), ("store", "recordings"), ("ssh", "host_key")}


def rows(heading: str) -> dict[str, str]:
    """Key and default of each row under `## heading`."""
    text = DOCS.read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {found[1]: found[3] for found in ROW.finditer(section)}


def tables() -> dict[str, type[BaseModel]]:
    """What stands in the heading, and the model of the table."""
    lists = ("issuer", "machine", "person")
    found = {
        f"[[{name}]]" if name in lists else f"[{name}]": model
        for name, field in Settings.model_fields.items()
        if name not in ("target", "notify") and (model := table_model(field.annotation)) is not None
    }
    found["[notify.NAME]"] = NotifyTable
    return {**found, **{f"[[target]] of kind {kind}": model for kind, model in KINDS.items()}}


def test_the_top_level() -> None:
    assert set(rows("Top level")) == set(Settings.model_fields)


def test_every_setting_and_its_default() -> None:
    for heading, model in tables().items():
        documented, name = rows(heading), heading.strip("[]")
        assert list(documented) == list(model.model_fields), name
        for key, field in model.model_fields.items():
            if (name, key) in BESIDE_THE_DATA:
                assert documented[key].endswith("in the data directory")
            else:
                assert documented[key] == default(name, key, field.get_default(call_default_factory=True)), (
                    name,
                    key,
                )


def test_every_setting_of_a_receiver() -> None:
    for kind, model in NOTIFY_KINDS.items():
        documented = rows(f"[notify.NAME] of kind {kind}")
        own = {key: field for key, field in model.model_fields.items() if key not in NotifyTable.model_fields}
        assert list(documented) == list(own), kind
        for key, field in own.items():
            assert documented[key] == default("notify", key, field.get_default()), (kind, key)


def default(table: str, key: str, value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "closed" if table == "listen" else "none"
    return f"`{toml_value(value, key)}`"


def test_every_role() -> None:
    section = DOCS.read_text().split("\n## [[person]]\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| [^|]+ \|$", section, re.MULTILINE) == list(get_args(Role))


def test_the_example_is_right(load: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    example = re.search(r"```toml\n(version.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None
    for secret in ("web_key", "appdb_password"):
        (tmp_path / secret).write_text("x")
        (tmp_path / secret).chmod(0o600)
    text = example[1].replace("/run/credentials/hoop/", "")
    found = load(text).settings
    assert [target.name for target in found.target] == ["web-*", "appdb"]
    assert set(tomllib.loads(text)) <= {*Settings.model_fields, "rule"}
