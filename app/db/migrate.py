"""Alembic without a configuration file, so that an installed wheel can migrate too."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from app.errors import Conflict, Invalid
from app.resources import folder


def configuration(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision. Safe to repeat. Raises Invalid for one that this version does not know."""
    try:
        command.upgrade(configuration(engine), revision)
    except CommandError as problem:
        raise Invalid(f"the database cannot be brought to {revision}: {problem}") from None


def check_current(engine: Engine) -> None:
    """Raises Conflict for a database that is not at the revision of this program."""
    wanted = ScriptDirectory.from_config(configuration(engine)).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != wanted:
        raise Conflict(f"the database is at revision {found}, this program needs {wanted}; run `alike db upgrade`")
