"""The `alike-generate` command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from generator.errors import GeneratorError
from generator.store import Store, StoreError

app = typer.Typer(
    help="Make images that a network cannot tell apart.", no_args_is_help=True, pretty_exceptions_enable=False
)

NEEDED = {"torch", "torchvision", "skimage", "tqdm"}
"""What the extra `generator` brings. Commands import it when they begin, so that a server without it can say so."""

RecipeFile = Annotated[Path, typer.Argument(help="A TOML file; see examples/.")]
StoreUrl = Annotated[str, typer.Option("--store", help="Folder or fsspec URL of the stimulus store.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def complain(line: str) -> None:
    sys.stderr.write(f"alike-generate: {line}\n")


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C is no failure: what was finished is kept."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\nalike-generate: stopped; the same command goes on where it was\n")
        raise typer.Exit(130) from None


@app.command("run")
def run_recipe(
    recipe: RecipeFile,
    store: StoreUrl,
    device: Device = "auto",
    models: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoints; default: paths start at the recipe's folder.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one a GPU, or one a core where there is none.")
    ] = None,
    executor: Annotated[str, typer.Option(help="local, or ray: actors of a Ray cluster.")] = "local",
    ray_address: Annotated[
        str | None, typer.Option(help="A running Ray cluster, `auto` for this machine's; default: start one here.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="i/n: make only this share, beside n − 1 other jobs on the same store.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try units again that failed twice and were left out.")
    ] = False,
) -> None:
    """Make the stimulus sets of a recipe. Stopped at any moment, the same command goes on where it was.

    Exit code 1: units failed twice and were left out of a set."""
    with stoppable():
        from generator.executors import choose_executor
        from generator.recipe import read_recipe
        from generator.run import choose_device, run

        chosen = choose_device(device)
        incomplete = False
        doing = choose_executor(executor, chosen, workers, ray_address, shard)
        for made in run(
            read_recipe(recipe, models), Store(store), chosen, doing, retry_failed=retry_failed, warn=complain
        ):
            left_out = f", {made.left_out} left out" if made.left_out else ""
            say(f"{made.set_id}  {made.name}  {made.n_valid} of {made.n_items} valid{left_out}  ({made.condition})")
            incomplete = incomplete or bool(made.left_out)
    if incomplete:
        raise typer.Exit(1)


@app.command()
def check(
    stimulus_set: Annotated[str, typer.Argument(metavar="SET", help="Name, id or id prefix.")],
    store: StoreUrl,
    device: Device = "auto",
    checkpoint: Annotated[Path | None, typer.Option(help="The weights, where they have moved.")] = None,
) -> None:
    """Measure a set again from its files; exit 1 if a number does not come back."""
    with stoppable():
        from generator.check import check as differences
        from generator.run import choose_device

        found = list(differences(Store(store), stimulus_set, choose_device(device), checkpoint))
    for difference in found:
        say(f"{difference.target_id}: {difference.measure} is {difference.measured:g}, stored {difference.stored:g}")
    if found:
        raise typer.Exit(1)
    say("every measure came back")


@app.command()
def report(
    stimulus_sets: Annotated[list[str], typer.Argument(metavar="SET…", help="Names, ids or id prefixes.")],
    store: StoreUrl,
    sheet: Annotated[Path | None, typer.Option(help="Also draw a contact sheet: a PNG file to write.")] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write a page: convergence, proof, provenance and every picture in one file."),
    ] = None,
    targets: Annotated[int, typer.Option(min=1, help="Targets on the sheet and on the page.")] = 45,
    only_redistributable: Annotated[
        bool, typer.Option("--only-redistributable", help="Leave out pictures that may not be shown to others.")
    ] = False,
) -> None:
    """How far the valid images of sets are from their targets; with --sheet, what they look like; with --html, a report."""
    from generator.report import contact_sheet, summarize, write_page

    opened = Store(store)
    sets = [opened.find_set(name)[1] for name in stimulus_sets]
    if html is not None:
        page = write_page(opened, sets, targets, only_redistributable=only_redistributable)
        _write(html, page.encode())
    if sheet is not None:
        _write(sheet, contact_sheet(opened, sets, targets, only_redistributable=only_redistributable))
    for found in sets:
        told = summarize(found)
        say(
            f"{found.name}  {told.n_valid} of {told.n_items} valid · nearer to target than to start: "
            f"{told.nearer_by_l2:.0%} by pixel l2, {told.nearer_by_ssim:.0%} by SSIM · "
            f"distance ratio {told.distance_ratio:.2f} · SSIM {told.ssim:.3f} · median {told.median_steps:.0f} steps"
        )


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as problem:
        raise GeneratorError(f"{path} cannot be written: {problem.strerror}") from None
    say(f"{path} is written")


@app.command("models")
def list_models() -> None:
    """Model families and the names of their architectures."""
    from generator.models import installed

    for family in installed():
        for architecture in family.architectures():
            say(f"{family.name}  {architecture}")


@app.command("layers")
def list_layers(
    model: Annotated[
        str,
        typer.Argument(
            help="An architecture, as `alike-generate models` names it, or RECIPE.toml:NAME of a recipe's model."
        ),
    ],
    family: Annotated[str | None, typer.Option(help="Its family, where two have that name.")] = None,
) -> None:
    """A network's layers, in the order in which they are reached: name, shape of its output for one image, numbers in it,
    and the share of the network's computation that is done there."""
    import torch

    from generator.models import FAMILIES, installed
    from generator.plan import build_model
    from generator.recipe import ModelEntry, find_model
    from generator.representation import layer_table

    file, colon, wanted = model.rpartition(".toml:")
    if colon:
        entry = find_model(Path(f"{file}.toml"), wanted)
        entry = entry.model_copy(update={"weights": None, "checkpoint": None})
    else:
        found = family or next((each.name for each in installed() if each.knows(model)), next(iter(FAMILIES)))
        entry = ModelEntry(name="asked", family=found, architecture=model, layers=("any",))
    built = build_model(entry, 0, torch.device("cpu"))
    rows = list(layer_table(built.module, built.network, torch.rand(1, 3, built.input_size, built.input_size)))
    width = max(len(row.name) for row in rows)
    for row in rows:
        say(f"{row.name:{width}}  {' × '.join(map(str, row.shape)):16}  {row.units:9,}  {row.share:6.1%}")


@app.command()
def train(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option(help="Folder for the weights.")] = Path("data/models"),
    device: Device = "auto",
) -> None:
    """Train the networks of a recipe; those that were trained from the same recipe before are used again."""
    with stoppable():
        from generator.run import choose_device
        from generator.training.recipe import read_train_recipe
        from generator.training.train import train as train_networks

        for trained in train_networks(read_train_recipe(recipe), out, choose_device(device)):
            say(
                f"{out / trained.checkpoint}  accuracy {trained.accuracy:.1%}, "
                f"{trained.robust_accuracy:.1%} at l2 {trained.robust_epsilon:g}  ({trained.seconds:g} s)"
            )


def main() -> None:
    """What a person can put right is one line and exit code 2."""
    try:
        app(standalone_mode=True)
    except (GeneratorError, StoreError) as problem:
        sys.stderr.write(f"alike-generate: {problem}\n")
        sys.exit(2)
    except ModuleNotFoundError as problem:
        if problem.name not in NEEDED:
            raise
        sys.stderr.write(f"alike-generate: {problem.name} is not installed; install alike[generator]\n")
        sys.exit(2)
