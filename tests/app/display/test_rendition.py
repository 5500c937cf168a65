import io

import numpy as np
import pytest
from PIL import Image

from app.display import FOILS, KERNELS, derive, encode, pad, render
from tests.factories import png


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return np.asarray(picture)


def test_nearest_repeats_every_pixel(rng: np.random.Generator) -> None:
    data = png(rng, 8)
    shown = np.asarray(render(data, 40, "nearest"))
    assert np.array_equal(shown, np.kron(pixels(data), np.ones((5, 5, 1), np.uint8)))


def test_nearest_by_a_fraction_is_refused_with_a_size_that_works(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="try 32"):
        render(png(rng, 8), 36, "nearest")


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_gives_the_size(kernel: str, rng: np.random.Generator) -> None:
    assert render(png(rng, 8), 24, kernel).size == (24, 24)


def test_padding_changes_the_length_and_not_a_pixel(rng: np.random.Generator) -> None:
    data = encode(render(png(rng), 16, "nearest"))
    for length in (len(data) + 12, len(data) + 500):
        padded = pad(data, length)
        assert len(padded) == length
        assert np.array_equal(pixels(padded), pixels(data))
    with pytest.raises(ValueError, match="padded"):
        pad(data, len(data) + 11)


def test_metadata_stays_behind(rng: np.random.Generator) -> None:
    buffer = io.BytesIO()
    picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x010E] = "this is the target"
    picture.save(buffer, "PNG", exif=exif)
    assert b"this is the target" in buffer.getvalue()
    shown = encode(render(buffer.getvalue(), 16, "nearest"))
    assert b"this is the target" not in shown
    assert b"eXIf" not in shown


@pytest.mark.parametrize("kind", FOILS)
def test_a_strong_foil_is_further_away_than_a_mild_one(kind: str, rng: np.random.Generator) -> None:
    tiles = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(np.kron(tiles, np.ones((4, 4, 1), np.uint8)))
    plain = np.asarray(picture, float)
    far = np.abs(np.asarray(derive(picture, kind, "strong", rng), float) - plain).mean()
    near = np.abs(np.asarray(derive(picture, kind, "mild", rng), float) - plain).mean()
    assert far > 10
    assert far > 3 * near or kind == "scramble"
