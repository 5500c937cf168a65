"""The numbers, the contact sheet and the page of finished sets, against values worked out by hand."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image as Picture

from app.store import Image, Item, Run, Store
from app.store.manifest import Distribution, StimulusSet
from generator.errors import GeneratorError
from generator.report import contact_sheet, numbers, summarize, write_page
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


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.pictures: list[tuple[str, np.ndarray]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        told = dict(attrs)
        for name in ("href", "src", "xlink:href", "srcset", "action", "data"):
            if told.get(name):
                self.links.append(str(told[name]))
        if tag == "img":
            png = base64.b64decode(str(told["src"]).removeprefix("data:image/png;base64,"))
            self.pictures.append((str(told["alt"]), decode(png)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def told_set(store: Store) -> StimulusSet:
    """Four items with what the generator measures; the third is not valid, the fourth failed."""
    plain = stimulus_set(store, "a", valid=(True, True, False, False))
    reasons = [
        (),
        (),
        ("representation error 0.31 is above tau 0.1",),
        ("the loss is not a number at iteration 7", "representation error 1.5e-01 is above tau 0.1"),
    ]
    items = []
    for i, item in enumerate(plain.items):
        error = (0.01, 0.03, 0.31, 0.15)[i]
        measures = {
            **item.measures, "representation_error": error, "null_percentile": 0.5, "class_kept": float(i != 1), "error_limit": 0.1,
            "representation_error@fc": error / 2, "representation_error@conv9": error / 4, "pearson@fc": 0.75,
        }  # fmt: skip
        items.append(
            item.model_copy(
                update={
                    "measures": measures,
                    "invalid_reasons": reasons[i],
                    "steps": (10, 40, 50, 50)[i],
                    "loss_curve": (1.0, error),
                    "target_id": "<script>alert(1)</script>" if i == 0 else item.target_id,
                }
            )
        )
    null = {name: Distribution(n=7, quantiles={"0": 0.2, "1": 0.3, "25": 0.5, "50": 0.7, "75": 0.9, "99": 1.2, "100": 1.5}) for name in ("relative", "same_class/relative")}  # fmt: skip
    made = plain.model_copy(
        update={"items": tuple(items), "null": null, "recipe": {"gate": "paper", "stages": ["conv9", "fc"]}}
    )
    store.add_set(made, Run(started_at="2025-01-01", finished_at="", device="abacus", versions={}, seconds=3))
    return made


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(store: Store) -> None:
    html = write_page(store, [told_set(store)], 9, only_redistributable=False)
    page = Page(html)
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html
    assert "<script>alert(1)</script>" in page.text  # as text


def test_the_page_shows_each_item_enlarged_difference_and_all(store: Store) -> None:
    page = Page(write_page(store, [told_set(store)], 9, only_redistributable=False))
    assert len(page.pictures) == 16
    for i in range(4):
        four = page.pictures[4 * i : 4 * i + 4]
        assert [name.split(",")[0] for name, _ in four] == ["target", "start", "IRI", "difference"]
        assert [int(picture[0, 0, 0]) for _, picture in four] == [i, 100 + i, 200 + i, 255]  # 128 + 200, clipped
    near = stimulus_set(store, "near", valid=(True,))
    item = near.items[0]
    almost = np.array(flat(0))
    almost[:] = 3
    close = near.model_copy(update={"items": (item.model_copy(update={"reconstruction": keep(store, almost)}),)})
    page = Page(write_page(store, [close], 9, only_redistributable=False))
    assert page.pictures[3][0] == "difference, amplified ×32"
    assert (page.pictures[3][1] == 128 + 32 * 3).all()


def test_the_page_tells_the_numbers(store: Store) -> None:
    found = told_set(store)
    text = " ".join(Page(write_page(store, [found], 9, only_redistributable=False)).text.split())
    for words in ("2 of 4", "50%, gate paper", found.id[:16], "abacus", "Not valid: 2", "0" * 64):
        assert words in text, words
    assert numbers.reason_table(found).rows == (
        ("representation error … is above tau …", "2"),
        ("the loss is not a number at iteration …", "1"),
    )
    assert numbers.reached(found) == [(0, 0.0), (10, 0.25), (40, 0.5), (50, 0.5)]
    assert [row[1] for row in numbers.reached_table(found).rows] == ["10", "10", "40", *["not reached"] * 3]
    assert numbers.stages(found) == ["conv9", "fc"]
    table = numbers.stage_table(found, found.items[:2])
    assert [row[:2] for row in table.rows] == [
        (f"{found.source.layer} (matched)", "0.02"),
        ("conv9", "0.005"),
        ("fc", "0.01"),
    ]
    assert table.rows[2][3] == "0.75"
    assert table.rows[1][3] == "–"
    assert {row[0]: row[1] for row in numbers.measure_table(found.items).rows}["class_kept"] == "1"


def test_reasons_keep_their_ordinals() -> None:
    told = "representation error 0.3 is not below the null's 1st percentile 0.25"
    assert numbers._NUMBER.sub("…", told) == "representation error … is not below the null's 1st percentile …"


def test_a_finished_image_keeps_its_last_loss() -> None:
    short, long = [(0.0, 4.0), (2.0, 2.0)], [(0.0, 8.0), (4.0, 0.0)]
    middle = [(step, median) for step, _, median, _ in numbers.middle_curve([short, long])]
    assert middle == [(0, 6.0), (2, 3.0), (4, 1.0)]


def test_older_sets_and_sets_without_a_valid_item_have_a_page(store: Store) -> None:
    text = Page(
        write_page(
            store,
            [stimulus_set(store, "old", valid=(False,)), stimulus_set(store, "b", valid=(True,))],
            1,
            only_redistributable=True,
        )
    ).text
    assert "0 of 1" in text
    assert "2 stimulus sets" in text
    with pytest.raises(GeneratorError, match="redistributable"):
        write_page(
            store, [stimulus_set(store, "c", valid=(True,), redistributable=False)], 1, only_redistributable=True
        )


def test_a_picture_comes_back_as_it_went_in() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert (decode(encode(pixels)) == pixels).all()
