"""Run by Alembic. The engine is handed in by app.db.migrate; there is no alembic.ini."""

from alembic import context

from app.db.tables import Table

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
