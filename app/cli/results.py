"""`alike score` and `alike export`"""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import open_database, say
from app.errors import Invalid
from app.exports import EXPORTS
from app.results import service
from app.results.service import Score

Mode = Annotated[str, typer.Option("--mode", help="live, pilot or simulated.")]
Version = Annotated[
    int | None, typer.Option("--version", min=1, max=2**31 - 1, help="A published version; default: the latest.")
]


def score(
    slug: str, as_json: Annotated[bool, typer.Option("--json")] = False, mode: Mode = "live", version: Version = None
) -> None:
    """Each network's human alignment, with its interval."""
    with open_database() as database, database.reading() as db:
        scores = service.scores(db, slug=slug, mode=mode, number=version)
    if as_json:
        say(json.dumps([found.as_json() for found in scores], ensure_ascii=False, indent=1))
        return
    for found in scores:
        say(_line(found))


def _line(score: Score) -> str:
    variant = f"  {score.variant}" if score.variant else ""
    share = "–" if score.alignment is None else f"{score.alignment:.1%}"
    interval = score.reason if score.low is None or score.high is None else f"[{score.low:.1%}, {score.high:.1%}]"
    return f"{score.model}  {score.layer}{variant}  {share}  {interval}  {score.n_responses} answers, {score.n_participants} people"


def export(
    slug: str,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[str, typer.Option("--format", help="One of: " + ", ".join(EXPORTS))] = "csv",
    mode: Mode = "live",
    version: Version = None,
) -> None:
    """Write the long trial table, one row an answer. The file is there whole or not at all."""
    if form not in EXPORTS:
        raise Invalid(f"there is no export format {form!r}; known are {', '.join(EXPORTS)}")
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    with open_database() as database, database.reading() as db:
        rows = service.trial_rows(db, slug=slug, mode=mode, number=version)
        try:
            with temporary.open("wb") as file:
                for chunk in EXPORTS[form].encode(rows):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(out)
        except OSError as problem:
            raise Invalid(f"{out} cannot be written: {problem.strerror}") from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    say(f"{out} is written")
