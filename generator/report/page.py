"""A report as one page that needs nothing else: no script, no font, no picture from anywhere."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from generator import stimuli
from generator.report import figures, numbers
from generator.report.numbers import Table, of_measure, shown
from generator.report.sheet import choose_items
from generator.store import Item, Run, StimulusSet, Store

WIDE, NARROW = 540, 250
"""CSS pixels of a figure's plot; the page shows the one that fits."""
_CELL = 96
_AMPLIFIED = (1, 2, 4, 8, 16, 32)
_GREY = 128


@dataclass(frozen=True)
class Tile:
    """A number that stands out, its name, and a word on what it is."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure in two widths, what it shows, and the numbers behind it."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Card:
    """One item of the contact sheet: its pictures as data URIs, and why it is not valid."""

    target_id: str
    pictures: tuple[tuple[str, str], ...]
    error: str
    steps: int
    valid: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One set."""

    number: int
    name: str
    identity: str
    condition: str
    tiles: tuple[Tile, ...]
    figures: tuple[Figure, ...]
    reasons: Table
    failures: Table
    n_failures: int
    measures: Table
    provenance: Table
    runs: Table
    recipe: str
    cards: tuple[Card, ...]
    side: tuple[int, int]
    amplified: int


def write_page(store: Store, sets: Sequence[StimulusSet], n_targets: int, *, only_redistributable: bool) -> str:
    """HTML of a report on sets; at most `n_targets` items of each on its contact sheet. Raises GeneratorError if
    `only_redistributable` leaves none of a set."""
    sections = [
        _section(store, i, found, choose_items(found, n_targets, only_redistributable=only_redistributable))
        for i, found in enumerate(sets, 1)
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("generator.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(sections=sections, overview=_overview(sets))


def _overview(sets: Sequence[StimulusSet]) -> Table:
    rows = []
    for found in sets:
        valid = [item for item in found.items if item.valid]
        numbers_of = [shown(numbers.median(valid, n)) for n in ("representation_error", "ssim", "distance_ratio")]
        share = f"{len(valid)} of {len(found.items)}"
        rows.append((found.name, found.id[:8], _condition(found), share, *numbers_of))
    head = ("set", "id", "condition", "valid", "error", "SSIM", "distance ratio")
    return Table(head, tuple(rows))


def _section(store: Store, number: int, found: StimulusSet, chosen: Sequence[Item]) -> Section:
    valid = [item for item in found.items if item.valid]
    counted = valid or list(found.items)
    amplified = _amplification(store, chosen)
    failed = [item for item in found.items if not item.valid]
    return Section(
        number=number,
        name=found.name,
        identity=found.id,
        condition=_condition(found),
        tiles=_tiles(found, valid),
        figures=_figures(found, counted),
        reasons=numbers.reason_table(found),
        failures=Table(("target", "why"), tuple((i.target_id, "; ".join(i.invalid_reasons)) for i in failed[:200])),
        n_failures=len(failed),
        measures=numbers.measure_table(counted),
        provenance=_provenance(found),
        runs=_runs(store.runs(found.id)),
        recipe=json.dumps(found.recipe, indent=2, ensure_ascii=False),
        cards=tuple(_card(store, item, amplified) for item in chosen),
        side=_side(chosen[0]),
        amplified=amplified,
    )


def _condition(found: StimulusSet) -> str:
    told = found.source.model_dump()
    names = ("model", "layer", "loss", "start", "optimizer", "stop")  # sets of an older format tell no stop
    return " · ".join(told[name] for name in names if told.get(name))


def _tiles(found: StimulusSet, valid: Sequence[Item]) -> tuple[Tile, ...]:
    n = len(found.items)
    tiles = [
        Tile(f"{len(valid)} of {n}", "valid", f"{found.validity_rate:.0%}, gate {found.recipe.get('gate', 'paper')}"),
        Tile(shown(numbers.median(valid, "representation_error")), "representation error", "median of the valid"),
    ]
    if "null_percentile" in (valid[0].measures if valid else {}):
        tiles.append(Tile(shown(numbers.median(valid, "null_percentile")), "percentile of the null", "median"))
    kept = of_measure(valid, "class_kept")
    if len(kept):
        tiles.append(Tile(f"{kept.mean():.0%}", "class kept", "of the valid"))
    if valid:
        tiles += [
            Tile(f"{np.median([item.steps for item in valid]):.0f}", "steps", "median"),
            Tile(shown(numbers.median(valid, "ssim")), "SSIM to target", "median"),
            Tile(shown(numbers.median(valid, "distance_ratio")), "distance ratio", "‖x_r − x_t‖ / ‖x_0 − x_t‖"),
        ]
    return tuple(tiles)


def _figures(found: StimulusSet, counted: Sequence[Item]) -> tuple[Figure, ...]:
    def figure(title: str, caption: str, drawn: Callable[[int], str], *tables: Table) -> Figure:
        return Figure(title, caption, Markup(drawn(WIDE)), Markup(drawn(NARROW)), tables)  # noqa: S704

    made = [
        figure(
            "Convergence",
            "Share of all items that are valid, by the step at which their image was found.",
            lambda width: figures.reached(found, width),
            numbers.reached_table(found),
        )
    ]
    if any(item.loss_curve for item in found.items):
        curves = numbers.middle_curve([numbers.curve(item) for item in found.items])
        rows = tuple((f"{step:g}", *(shown(v) for v in values)) for step, *values in curves)
        made.append(
            figure(
                "Loss",
                "Median and middle 80 % of the items; thin lines are single ones. A finished image keeps its last loss.",
                lambda width: figures.losses(found, width),
                Table(("step", "10th percentile", "median", "90th percentile"), rows),
            )
        )
    made.append(
        figure(
            "Errors against chance",
            "A mark is an item. Null distributions are of pictures that have nothing to do with each other: range, middle "
            "98 %, middle half, median. The dashed line is the largest error that is allowed, where it is one for all.",
            lambda width: figures.errors(found, width),
            numbers.null_table(found),
        )
    )
    if numbers.stages(found):
        whose = "the valid items" if counted[0].valid else "all items"
        made.append(
            figure(
                "Later stages",
                f"Relative error at the matched layer and behind it: median and middle 80 % of {whose}.",
                lambda width: figures.stages(found, counted, width),
                numbers.stage_table(found, counted),
            )
        )
    return tuple(made)


def _provenance(found: StimulusSet) -> Table:
    told: dict[str, Any] = {**found.source.model_dump(), **{k: found.recipe.get(k) for k in ("gate", "tau", "device")}}
    versions = found.recipe.get("versions")
    rows = [(name.replace("_", " "), str(value)) for name, value in told.items() if value not in (None, "")]
    if isinstance(versions, dict):
        rows.append(("versions", ", ".join(f"{name} {value}" for name, value in versions.items())))
    return Table(("what", "value"), tuple(rows))


def _runs(runs: Sequence[Run]) -> Table:
    rows = tuple((run.started_at, f"{run.seconds:g} s", run.device) for run in runs)
    return Table(("began", "took", "on"), rows)


def _side(item: Item) -> tuple[int, int]:
    """CSS pixels of a shown picture: enlarged by a whole number."""
    scale = max(1, -(-_CELL // item.target.width))
    return item.target.width * scale, item.target.height * scale


def _amplification(store: Store, items: Sequence[Item]) -> int:
    """The largest factor at which 99 % of the differences over all items shown still fit."""
    largest = float(np.percentile(np.concatenate([np.abs(_difference(store, item)).ravel() for item in items]), 99))
    return max(factor for factor in _AMPLIFIED if factor == 1 or factor * largest < _GREY)


def _difference(store: Store, item: Item) -> "np.ndarray[Any, np.dtype[np.int16]]":
    found, wanted = (stimuli.decode(store.image(i.sha256)).astype(np.int16) for i in (item.reconstruction, item.target))
    return found - wanted


def _card(store: Store, item: Item, amplified: int) -> Card:
    grey = (_GREY + amplified * _difference(store, item)).clip(0, 255).astype(np.uint8)
    files = {"target": item.target, "start": item.start, "IRI": item.reconstruction}
    pictures = {word: store.image(image.sha256) for word, image in files.items()}
    return Card(
        target_id=item.target_id,
        pictures=tuple((word, _uri(png)) for word, png in {**pictures, "difference": stimuli.encode(grey)}.items()),
        error=shown(item.measures.get("representation_error")),
        steps=item.steps,
        valid=item.valid,
        reasons=item.invalid_reasons,
    )


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
