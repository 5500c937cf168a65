"""The `alike` command."""

import sys

import typer

from app.cli import database, observers, researchers, results, server, sets, stores, studies
from app.errors import AppError
from app.store import StoreError

app = typer.Typer(
    help="Find out whether images that a network cannot tell apart look alike to people.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(database.app, name="db")
app.add_typer(researchers.app, name="researcher")
app.add_typer(sets.app, name="set")
app.add_typer(stores.app, name="store")
app.add_typer(studies.app, name="study")
app.command()(server.serve)
app.command()(results.score)
app.command()(results.export)
app.command()(observers.simulate)


def main() -> None:
    """What a person can put right is one line and exit code 2."""
    try:
        app()
    except (AppError, StoreError, ValueError) as problem:
        sys.stderr.write(f"alike: {problem}\n")
        sys.exit(2)
