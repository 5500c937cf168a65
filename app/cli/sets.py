"""`alike set`"""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import say, settings
from app.imports import Labels, import_pairs
from app.store import Store

app = typer.Typer(help="Stimulus sets that were made elsewhere.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Stimulus sets that were made elsewhere."""


@app.command("import")
def import_set(
    table: Annotated[
        Path,
        typer.Argument(metavar="PAIRS.csv", help="Columns target, start, iri; also model, layer, class, cluster …"),
    ],
    name: Annotated[str, typer.Option(help="What the sets are called: NAME/MODEL.")],
    url: Annotated[str | None, typer.Option("--store", help="Folder or fsspec URL.")] = None,
    model: Annotated[str, typer.Option(help="Where the table has no such column.")] = "unknown",
    layer: Annotated[str, typer.Option(help="Where the table has no such column.")] = "unknown",
    training: Annotated[str, typer.Option()] = "unknown",
    training_run: Annotated[str, typer.Option()] = "1",
    loss: Annotated[str, typer.Option()] = "unknown",
    start: Annotated[str, typer.Option()] = "unknown",
    optimizer: Annotated[str, typer.Option()] = "unknown",
    stop: Annotated[str, typer.Option(help="When an image was good enough.")] = "",
) -> None:
    """Make stimulus sets of images that you already have. Their validity is not assessed, and says so everywhere."""
    labels = Labels(name, model, layer, training, training_run, loss, start, optimizer, stop)
    for identity, stimuli in import_pairs(table, Store(url or settings().store_url), labels):
        say(f"{identity}  {stimuli.name}  {stimuli.source.layer}  {len(stimuli.items)} items, validity not assessed")
