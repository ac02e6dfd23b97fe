"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from gateway.app.config_file import LoadedConfig

DEFAULT_CONFIG = Path("/etc/hoop/hoop.toml")

ConfigPath = Annotated[
    Path,
    Parameter(
        name=["--config", "-c"], env_var="HOOP_CONFIG", show_env_var=True, help="The configuration file."
    ),
]
Listing = Annotated[
    Literal["table", "json"], Parameter(name=["--output", "-o"], help="How to print the list.")
]
Yes = Annotated[bool, Parameter(name="--yes", negative="", help="Do not ask.")]


def load(path: Path) -> "LoadedConfig":
    """The configuration, for a command that does not use the secrets it points at."""
    from gateway.app.config_file import load_config

    return load_config(path, look_at_secrets=False)
