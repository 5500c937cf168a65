"""A table of pictures that were made elsewhere → stimulus sets.

Nobody here has proven that a network represents them alike, so the sets say that their validity is not assessed, and
publishing refuses them unless the study says that it knows.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageOps

from app.errors import Invalid
from app.store import NOT_ASSESSED, Image, Item, Run, Source, StimulusSet, Store

PICTURES = ("target", "start", "iri")
OPTIONAL = ("model", "layer", "target_id", "cluster", "class", "start_id", "split", "licence", "redistributable")
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
Split = Literal["train", "heldout", "unknown"]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Labels:
    """What every row shares, unless it says otherwise: how the images were made, as far as it is known."""

    name: str
    model: str = "unknown"
    layer: str = "unknown"
    training: str = "unknown"
    training_run: str = "1"
    loss: str = "unknown"
    start: str = "unknown"
    optimizer: str = "unknown"
    stop: str = ""


def import_pairs(table: Path, store: Store, labels: Labels) -> list[tuple[str, StimulusSet]]:
    """Read a CSV, store its pictures, then one set for each (model, layer) in it, named NAME/MODEL; returns ids and sets.

    Columns: `target`, `start` and `iri`, paths that begin at the table's folder, and as one likes those of `OPTIONAL`.
    Rows with the same target_id and model but other starts are several starts of one target. Raises Invalid with the first row that
    cannot be used, before any set is written; StoreError.
    """
    rows = list(_rows(table))
    items: dict[tuple[str, str], list[Item]] = {}
    starts_of: dict[str, list[str]] = {}
    target_of: dict[str, bytes] = {}
    shape: tuple[int, ...] | None = None
    for number, row in rows:
        pictures = {name: _read(table, number, name, row[name]) for name in PICTURES}
        for name, pixels in pictures.items():
            if shape is not None and pixels.shape != shape:
                raise Invalid(
                    f"{_where(table, number, name)}: {row[name]} has another size than the pictures before it"
                )
            shape = pixels.shape
        place = (row["model"] or labels.model, row["layer"] or labels.layer)
        target_id = row["target_id"] or row["target"]
        if target_of.setdefault(target_id, pictures["target"].tobytes()) != pictures["target"].tobytes():
            raise Invalid(f"{_where(table, number, 'target')}: {target_id} was another picture in a row before")
        starts = starts_of.setdefault(target_id, [])  # of all models, so that they are compared start by start
        start_id = row["start_id"] or row["start"]
        if start_id not in starts:
            starts.append(start_id)
        item = _item(table, number, row, pictures, store, target_id, starts.index(start_id))
        if any((i.target_id, i.replicate) == (target_id, item.replicate) for i in items.get(place, ())):
            raise Invalid(f"{_where(table, number, 'start')}: a row before has the same model, target and start")
        items.setdefault(place, []).append(item)
    sets = [_set(table, labels, model, layer, found) for (model, layer), found in items.items()]
    return [(store.add_set(stimuli, _record()), stimuli) for stimuli in sets]


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row; a column that is not there is empty."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise Invalid(f"{table} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{table} is not UTF-8 text; expected a CSV file") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [column.strip() for column in reader.fieldnames or ()]
    reader.fieldnames = columns
    missing = [column for column in PICTURES if column not in columns]
    unknown = [column for column in columns if column not in (*PICTURES, *OPTIONAL)]
    if missing:
        raise Invalid(
            f"{table} has no column {missing[0]!r}; it needs {', '.join(PICTURES)}, and may have {_optional()}"
        )
    if unknown:
        raise Invalid(f"{table} has a column {unknown[0]!r} that means nothing here; known are {_optional()}")
    n = 0
    for row in _parsed(table, reader):
        n += 1
        if None in row or None in row.values():
            raise Invalid(f"{table}, line {reader.line_num}: it has another number of cells than the header")
        yield reader.line_num, {name: row.get(name, "").strip() for name in (*PICTURES, *OPTIONAL)}
    if not n:
        raise Invalid(f"{table} has no rows")


def _parsed(table: Path, reader: "csv.DictReader[str]") -> Iterator[dict[str | Any, str | Any]]:
    try:
        yield from reader
    except csv.Error as problem:
        raise Invalid(f"{table}, line {reader.line_num}: it is no CSV ({problem})") from None


def _optional() -> str:
    return ", ".join(OPTIONAL)


def _where(table: Path, number: int, column: str) -> str:
    return f"{table}, line {number}, column {column}"


def _read(table: Path, number: int, column: str, name: str) -> Pixels:
    """An 8-bit RGB picture. What more a file can hold, people would not see."""
    where = _where(table, number, column)
    if not name:
        raise Invalid(f"{where}: it is empty; expected the path of a picture")
    try:
        with Picture.open(table.parent / name) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as problem:
        raise Invalid(f"{where}: {name} is no readable picture ({problem})") from None
    if picture.mode not in MODES:
        raise Invalid(f"{where}: {name} has pixels of kind {picture.mode}; expected 8 bits a value")
    if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
        raise Invalid(f"{where}: {name} is transparent in places; lay it on a background first")
    return np.asarray(picture.convert("RGB"))


def _item(
    table: Path,
    number: int,
    row: Mapping[str, str],
    pictures: Mapping[str, Pixels],
    store: Store,
    target_id: str,
    replicate: int,
) -> Item:
    split = row["split"] or "unknown"
    if split not in get_args(Split):
        raise Invalid(f"{_where(table, number, 'split')}: {split!r} is none; expected {', '.join(get_args(Split))}")
    return Item(
        target_id=target_id,
        target=_keep(store, pictures["target"]),
        start=_keep(store, pictures["start"]),
        reconstruction=_keep(store, pictures["iri"]),
        cluster=row["cluster"] or target_id,
        label=row["class"] or None,
        split=split,
        start_id=row["start_id"] or row["start"],
        replicate=replicate,
        measures=_measures(pictures),
        valid=True,
        steps=0,
        licence=row["licence"] or None,
        redistributable=_yes_or_no(table, number, row["redistributable"]),
    )


def _yes_or_no(table: Path, number: int, text: str) -> bool | None:
    known = {"": None, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in known:
        raise Invalid(f"{_where(table, number, 'redistributable')}: {text!r} is neither true nor false")
    return known[text.lower()]


def _keep(store: Store, pixels: Pixels) -> Image:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return Image(sha256=store.add_image(buffer.getvalue()), width=pixels.shape[1], height=pixels.shape[0])


def _measures(pictures: Mapping[str, Pixels]) -> dict[str, float]:
    """How far the pictures are from each other: root mean square differences of values in [0, 1]."""
    target, start, iri = (pictures[name].astype(float) / 255 for name in PICTURES)

    def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float(np.sqrt(np.mean((a - b) ** 2)))

    from_start = distance(start, target)
    measures = {
        "pixel_l2": distance(iri, target),
        "pixel_l2_start": from_start,
        "pixel_l2_to_start": distance(iri, start),
        "distance_ratio": distance(iri, target) / from_start if from_start else 0.0,
    }
    return {name: float(f"{value:.6g}") for name, value in measures.items()}


def _set(table: Path, labels: Labels, model: str, layer: str, items: list[Item]) -> StimulusSet:
    told = asdict(labels)
    return StimulusSet(
        name=f"{labels.name}/{model}",
        source=Source(
            family="imported",
            weights_sha256=None,
            target_set=labels.name,
            **{**{key: value for key, value in told.items() if key != "name"}, "model": model, "layer": layer},
        ),
        recipe={"made_by": "import", "table": table.name, "validity": NOT_ASSESSED},
        null={},
        items=tuple(items),
    )


def _record() -> Run:
    now = datetime.now(UTC).isoformat()
    return Run(started_at=now, finished_at=now, device="imported", versions={}, seconds=0)
