"""Runs Alembic on a connection that is in a transaction already: all of it happens, or nothing."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to `revision`."""
    settings = _settings()
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)


def scripts() -> ScriptDirectory:
    """The migrations that come with this program."""
    return ScriptDirectory.from_config(_settings())


def _settings() -> Config:
    settings = Config()
    # Config reads %( as a reference to another setting, and a directory may be called anything.
    place = str(files("gateway.store").joinpath("migrations")).replace("%", "%%")
    settings.set_main_option("script_location", place)
    settings.set_main_option("path_separator", "os")
    return settings
