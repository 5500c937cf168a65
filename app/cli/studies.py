"""`alike study`"""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import open_database, say, settings
from app.results import service as results
from app.store import Store
from app.studies import publishing, service
from app.studies.protocol import read_protocol

app = typer.Typer(help="Studies.", no_args_is_help=True)


@app.command()
def new(file: Annotated[Path, typer.Argument(help="A study's settings; see examples/.")]) -> None:
    """Keep a study's draft. An existing slug gets a new draft; its published versions stay."""
    protocol = read_protocol(file)
    store = Store(settings().store_url)
    for name in protocol.sets:
        store.find_set(name)
    with open_database() as database, database.writing() as db:
        service.save_draft(db, protocol=protocol)
    say(f"draft of {protocol.slug} is kept; publish it with `alike study publish {protocol.slug}`")


@app.command()
def publish(
    slug: str,
    allow_few: Annotated[bool, typer.Option("--allow-few", help="Publish with fewer than 30 common targets.")] = False,
) -> None:
    """Freeze the draft as the study's next version, which is then open to participants."""
    with open_database() as database:
        with database.reading() as db:
            protocol = service.draft(db, slug=slug)
        prepared = publishing.prepare(protocol, Store(settings().store_url), allow_few=allow_few)
        with database.writing() as db:
            number = service.publish_study(db, prepared=prepared).number
    for line in prepared.report.lines:
        say(line)
    say(f"{slug} version {number} is open at {settings().address}/s/{slug}")


@app.command("list")
def list_studies(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Studies, their latest published version, and how many live runs were completed."""
    with open_database() as database, database.reading() as db:
        lines = results.study_lines(db)
    if as_json:
        say(json.dumps([line.__dict__ for line in lines], ensure_ascii=False))
        return
    for line in lines:
        state = f"version {line.version}" if line.version else "draft"
        say(f"{line.slug}  {state}  {line.completed} completed  {line.title}")
