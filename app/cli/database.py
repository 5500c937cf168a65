"""`alike db`"""

import typer

from app.cli.context import open_database, say
from app.db.migrate import upgrade as upgrade_to

app = typer.Typer(help="The database's schema.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The database's schema."""


@app.command()
def upgrade(revision: str = typer.Argument("head", help="A revision, or head.")) -> None:
    """Bring the database to the latest schema. Safe to repeat."""
    with open_database() as database:
        upgrade_to(database.engine, revision)
        say(f"{database.url.render_as_string()} is at {revision}")
