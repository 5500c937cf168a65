"""The demo's pictures: nothing of a held-out crop was seen in training, and the same seed gives the same crops."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.errors import GeneratorError
from generator.targets import photographs
from generator.targets.photographs import PHOTOGRAPHS, Photographs, heldout_crops, training_crops

FOLDER = Path(str(resources.files("skimage.data")))
RED, BLUE = (255, 0, 0), (0, 0, 255)


def places(crop: np.ndarray, picture: np.ndarray) -> set[tuple[int, int]]:
    """All corners at which the crop lies in the picture."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, crop.shape)[:, :, 0]
    return {(int(r), int(c)) for r, c in zip(*np.nonzero((windows == crop).all(axis=(2, 3, 4))), strict=True)}


def side(file: str, box: tuple[float, float]) -> np.ndarray:
    """The part of a photograph between two shares of its width, 192 pixels high, made without the code under test."""
    whole = Image.open(FOLDER / file).convert("RGB")
    part = whole.crop((round(whole.width * box[0]), 0, round(whole.width * box[1]), whole.height))
    return np.asarray(part.resize((round(part.width * 192 / whole.height), 192), Image.Resampling.LANCZOS))


def test_no_pixel_of_a_heldout_crop_is_in_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph whose left 60 % is red and whose rest is blue: a single shared or blurred pixel would be purple."""
    package = tmp_path / "two_halves"
    package.mkdir()
    (package / "__init__.py").touch()
    picture = np.empty((500, 1000, 3), np.uint8)
    picture[:, :600], picture[:, 600:] = RED, BLUE
    Image.fromarray(picture).save(package / "both.png")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", {"both": ("two_halves", "both.png", None, None)})
    train, _ = training_crops(200, 0)
    heldout, _ = heldout_crops(200, 0)
    assert (train == RED).all()
    assert (heldout == BLUE).all()
    found = Photographs(4).load(0)
    assert all((target.pixels == BLUE).all() for target in found.targets + found.others)


def test_targets_lie_in_the_right_part_of_their_photograph_and_do_not_overlap() -> None:
    found = Photographs(6).load(0)
    for name, file in (("coffee", "coffee.png"), ("cat", "chelsea.png")):
        part = side(file, (0.6, 1))
        seen = np.zeros(part.shape[:2], int)
        for target in found.targets + found.others:
            if target.cluster == name:
                ((row, column),) = places(target.pixels, part)
                seen[row : row + 32, column : column + 32] += 1
        assert seen.max() == 1


def test_targets_say_where_they_come_from() -> None:
    found = Photographs(4).load(0)
    assert len(PHOTOGRAPHS) == 15
    assert len(found.targets) == 60
    ids = [target.target_id for target in found.targets + found.others]
    assert len(set(ids)) == len(ids)
    assert "coffee/heldout-03" in ids
    for target in found.targets:
        assert target.cluster == target.label == target.target_id.split("/")[0]
        assert target.split == "heldout"
        assert target.pixels.shape == (32, 32, 3)
        assert target.pixels.dtype == np.uint8
    assert {target.licence for target in found.targets if target.cluster == "coffee"} == {"CC0"}
    assert {target.redistributable for target in found.targets if target.cluster == "motorcycle"} == {None}


def test_crops_are_a_function_of_the_seed() -> None:
    first, again, other = (Photographs().load(seed).targets for seed in (0, 0, 1))
    assert len(first) == 90
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, other, strict=True))
    for draw in (training_crops, heldout_crops):
        assert np.array_equal(draw(5, 0)[0], draw(5, 0)[0])
        assert not np.array_equal(draw(5, 0)[0], draw(5, 1)[0])


def test_labels_follow_the_photographs_and_some_training_crops_are_mirrored() -> None:
    crops, labels = training_crops(20, 0)
    assert crops.shape == (300, 32, 32, 3)
    assert labels.tolist() == [index for index in range(15) for _ in range(20)]
    coffee = list(PHOTOGRAPHS).index("coffee")
    part = side("coffee.png", (0, 0.6))
    plain = [bool(places(crop, part)) for crop in crops[labels == coffee]]
    mirrored = [bool(places(crop[:, ::-1], part)) for crop in crops[labels == coffee]]
    assert all(a != b for a, b in zip(plain, mirrored, strict=True))
    assert any(plain)
    assert any(mirrored)


def test_more_targets_than_a_photograph_holds_is_said() -> None:
    with pytest.raises(GeneratorError, match=r"photograph 'astronaut' has 12 held-out crops.* not 12"):
        Photographs(12).load(0)
