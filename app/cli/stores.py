"""`alike store`"""

from typing import Annotated

import typer

from app.cli.context import say, settings
from app.errors import Invalid
from app.store import Store

app = typer.Typer(help="The stimulus store.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The stimulus store."""


@app.command()
def verify(url: Annotated[str | None, typer.Option("--store", help="Folder or fsspec URL.")] = None) -> None:
    """Hash everything again; exit 1 with what is missing or changed."""
    store = Store(url or settings().store_url)
    problems = list(store.verify())
    for problem in problems:
        say(f"{problem.name}: {problem.what}")
    if problems:
        raise typer.Exit(1)
    sets = len(store.set_ids())
    if not sets:
        raise Invalid(f"there is no stimulus set in store {store.url}")
    say(f"{sets} stimulus sets and all images are as their names say")


@app.command("list")
def list_sets(url: Annotated[str | None, typer.Option("--store", help="Folder or fsspec URL.")] = None) -> None:
    """The stimulus sets in the store."""
    store = Store(url or settings().store_url)
    for identity in store.set_ids():
        found = store.get_set(identity)
        validity = f"{found.validity_rate:.0%} valid" if found.is_assessed else "validity not assessed"
        say(f"{identity}  {found.name}  {found.source.layer}  {len(found.items)} items, {validity}")
