"""Alembic without a configuration file, so that an installed wheel can migrate too."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from app.resources import folder


def configuration(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision. Safe to repeat."""
    command.upgrade(configuration(engine), revision)
