"""What stimulus sets look like, as one picture."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from generator import stimuli
from generator.errors import GeneratorError
from generator.store import Item, StimulusSet, Store

_CELL = 64  # pixels, at least; a picture is enlarged by a whole number
_GAP = 4
_COLUMNS = 15
_PAPER, _INK, _MARK = (255, 255, 255), (40, 40, 40), (200, 30, 30)


def contact_sheet(store: Store, sets: Sequence[StimulusSet], n_targets: int, *, only_redistributable: bool) -> bytes:
    """A PNG: target, start, then each set's image, for targets evenly spread over the first set.

    Pictures are enlarged by nearest neighbour; an item that is not valid is framed in red. Raises GeneratorError if the
    sets do not share the targets, or if `only_redistributable` leaves none.
    """
    first, *others = sets
    chosen = choose_items(first, n_targets, only_redistributable=only_redistributable)
    columns = [[item, *(_same_target(item, other) for other in others)] for item in chosen]
    labels = ["target", "start", *name_apart(sets)]
    buffer = io.BytesIO()
    _draw(store, labels, columns).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def name_apart(sets: Sequence[StimulusSet]) -> list[str]:
    """What to call each set beside the others: in what they differ, the model where they do not."""
    told = [found.source.model_dump() for found in sets]
    factors = ("model", "layer", "loss", "optimizer", "stop", "start")
    differing = [factor for factor in factors if len({str(each[factor]) for each in told}) > 1]
    return [" · ".join(str(each[factor]) for factor in differing or ["model"]) for each in told]


def choose_items(found: StimulusSet, n: int, *, only_redistributable: bool) -> list[Item]:
    """At most `n` items, evenly spread over a set. Raises GeneratorError where none may be shown."""
    items = [item for item in found.items if item.redistributable or not only_redistributable]
    if not items:
        raise GeneratorError(f"set {found.name} has no target that is marked as redistributable")
    return [items[i] for i in np.linspace(0, len(items) - 1, min(n, len(items))).astype(int)]


def _draw(store: Store, labels: Sequence[str], columns: Sequence[Sequence[Item]]) -> Picture.Image:
    """Bands of columns, one row a label; the labels stand to the left of each band."""
    target = columns[0][0].target
    scale = max(1, -(-_CELL // target.width))
    cell = (target.width * scale, target.height * scale)
    font = ImageFont.load_default(max(12, cell[1] // 5))
    margin = int(max(font.getlength(label) for label in labels)) + 3 * _GAP
    per_band = min(_COLUMNS, len(columns))
    band = len(labels) * (cell[1] + _GAP) + 2 * _GAP
    size = (margin + per_band * (cell[0] + _GAP), -(-len(columns) // per_band) * band - _GAP)
    sheet = Picture.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, items in enumerate(columns):
        x, top = margin + i % per_band * (cell[0] + _GAP), i // per_band * band + _GAP
        files = [items[0].target, items[0].start, *(item.reconstruction for item in items)]
        framed = [False, False, *(not item.valid for item in items)]
        for row, (label, file, frame) in enumerate(zip(labels, files, framed, strict=True)):
            y = top + row * (cell[1] + _GAP)
            picture = Picture.fromarray(stimuli.decode(store.image(file.sha256)))
            sheet.paste(picture.resize(cell, Picture.Resampling.NEAREST), (x, y))
            if frame:
                draw.rectangle((x, y, x + cell[0] - 1, y + cell[1] - 1), outline=_MARK, width=2)
            if i % per_band == 0:
                draw.text((margin - 2 * _GAP, y + cell[1] // 2), label, _INK, font, anchor="rm")
    return sheet


def _same_target(item: Item, other: StimulusSet) -> Item:
    for candidate in other.items:
        if candidate.target_id == item.target_id and candidate.target.sha256 == item.target.sha256:
            return candidate
    raise GeneratorError(
        f"set {other.name} has no image of target {item.target_id}; sheets are of sets of one target set"
    )
