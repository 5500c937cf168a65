from alembic import command
from sqlalchemy import inspect

from app.db.engine import Database
from app.db.migrate import configuration
from app.db.tables import Table


def test_up_down_up(database: Database) -> None:
    config = configuration(database.engine)
    command.downgrade(config, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    command.upgrade(config, "head")
    assert set(Table.metadata.tables) <= set(inspect(database.engine).get_table_names())


def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    command.check(configuration(database.engine))
