"""The numbers and the contact sheet of finished sets, against values worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from app.store import Image, Item, Run, Store
from app.store.manifest import Distribution, StimulusSet
from generator.errors import GeneratorError
from generator.report import contact_sheet, summarize
from generator.stimuli import decode, encode, keep
from tests.factories import source

SIZE = 16
RED = (200, 30, 30)


def flat(value: int) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), value, dtype=np.uint8)


def stimulus_set(
    store: Store, model: str, *, valid: tuple[bool, ...], redistributable: bool | None = True
) -> StimulusSet:
    """Item i: target i, start 100 + i, reconstruction 200 + i, as flat grey pictures."""

    def kept(value: int) -> Image:
        return keep(store, flat(value))

    items = tuple(
        Item(
            target_id=f"t{i}",
            target=kept(i),
            start=kept(100 + i),
            reconstruction=kept(200 + i),
            cluster="c",
            split="heldout",
            start_id=f"s{i}",
            measures={
                "pixel_l2": 0.1 * i, "pixel_l2_to_start": 0.15, "ssim": 0.2, "ssim_to_start": 0.1 * i, "distance_ratio": 0.5 + i,
            },
            valid=ok,
            steps=10 * i,
            redistributable=redistributable,
        )
        for i, ok in enumerate(valid)
    )  # fmt: skip
    null = {"relative": Distribution(n=1, quantiles={"1": 0.5})}
    made = StimulusSet(name=f"x/{model}", source=source(model), recipe={}, null=null, items=items)
    store.add_set(made, Run(started_at="", finished_at="", device="", versions={}, seconds=0))
    return made


def test_the_summary_is_of_valid_items(store: Store) -> None:
    told = summarize(stimulus_set(store, "a", valid=(True, True, True, True, False)))
    assert (told.n_items, told.n_valid) == (5, 4)
    assert told.nearer_by_l2 == 0.5  # 0 and 0.1 against 0.15
    assert told.nearer_by_ssim == 0.5  # 0 and 0.1 against 0.2; equal is not nearer
    assert told.distance_ratio == pytest.approx(2.0)
    assert told.median_steps == 15
    with pytest.raises(GeneratorError, match="no valid item"):
        summarize(stimulus_set(store, "b", valid=(False,)))


def test_the_sheet_shows_every_role_in_its_place(store: Store) -> None:
    sets = [stimulus_set(store, "a", valid=(True, False)), stimulus_set(store, "b", valid=(True, True))]
    sheet = np.asarray(Picture.open(io.BytesIO(contact_sheet(store, sets, 5, only_redistributable=False))))
    width = sheet.shape[1]
    columns = [width - 4 - 64 - 68 + 32, width - 4 - 64 + 32]  # middles of the last two cells of 64 px
    rows = [4 + r * 68 + 32 for r in range(4)]
    found = [[int(sheet[y, x, 0]) for x in columns] for y in rows]
    assert found == [[0, 1], [100, 101], [200, 201], [200, 201]]
    assert tuple(sheet[rows[2], width - 4 - 64]) == RED  # the item that is not valid, and only that
    assert sum((sheet == RED).all(axis=2).any(axis=0)) == 64


def test_pictures_that_may_not_be_shown_can_be_left_out(store: Store) -> None:
    unknown = stimulus_set(store, "a", valid=(True,), redistributable=None)
    with pytest.raises(GeneratorError, match="redistributable"):
        contact_sheet(store, [unknown], 5, only_redistributable=True)


def test_sets_of_other_targets_do_not_fit_on_one_sheet(store: Store) -> None:
    sets = [stimulus_set(store, "a", valid=(True, True)), stimulus_set(store, "b", valid=(True,))]
    with pytest.raises(GeneratorError, match="target t1"):
        contact_sheet(store, sets, 5, only_redistributable=False)


def test_a_picture_comes_back_as_it_went_in() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert (decode(encode(pixels)) == pixels).all()
