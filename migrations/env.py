"""Run by Alembic. The engine is handed in by app.db.migrate; there is no alembic.ini. All or nothing, on both servers."""

from alembic import context
from sqlalchemy import Connection

from app.db.tables import Table


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate_sqlite(connection: Connection) -> None:
    """SQLite changes a table by making it anew and dropping the old one, which the rows that refer to it must not notice.
    References can be switched off between transactions only; they are checked before the commit."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():
            migrate(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"this migration would break references: {broken[:5]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    if engine.dialect.name == "sqlite":
        migrate_sqlite(connection)
    else:
        with connection.begin():
            migrate(connection)
