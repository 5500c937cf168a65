from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.errors import GeneratorError
from generator.targets.folder import Folder


def draw(path: Path, value: int, size: tuple[int, int] = (12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i in range(6):
        draw(tmp_path / f"class-{i % 2}" / f"{i}.png", i)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_folders_are_classes_and_files_are_clusters(pictures: Path) -> None:
    found = Folder(pictures).load(0)
    assert [t.target_id for t in found.targets] == [f"class-{i % 2}/{i}.png" for i in (0, 2, 4, 1, 3, 5)]
    assert [t.label for t in found.targets] == ["class-0"] * 3 + ["class-1"] * 3
    assert len({t.cluster for t in found.targets}) == 6
    assert found.targets[1].pixels.shape == (10, 12, 3)
    assert found.targets[1].pixels[0, 0].tolist() == [2, 0, 0]
    assert found.others == ()
    assert found.name == pictures.name


def test_a_limit_draws_by_the_seed_and_leaves_the_rest_for_the_null(pictures: Path) -> None:
    one, again, other = (Folder(pictures, limit=3).load(seed) for seed in (0, 0, 1))
    assert [t.target_id for t in one.targets] == [t.target_id for t in again.targets]
    assert [t.target_id for t in one.targets] != [t.target_id for t in other.targets]
    assert len(one.targets) == len(one.others) == 3
    assert not {t.target_id for t in one.targets} & {t.target_id for t in one.others}


def test_grey_pictures_become_rgb_and_phones_pictures_stand_upright(tmp_path: Path) -> None:
    Image.new("L", (12, 10), 77).save(tmp_path / "grey.png")
    turned = Image.fromarray(np.zeros((12, 10, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6  # "turn me by a quarter"
    turned.save(tmp_path / "phone.jpg", exif=exif)
    grey, phone = Folder(tmp_path).load(0).targets
    assert grey.pixels[3, 3].tolist() == [77, 77, 77]
    assert phone.pixels.shape == (10, 12, 3)


def test_an_opaque_alpha_channel_is_no_obstacle(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("RGBA", (12, 10), (9, 8, 7, 255)).save(tmp_path / f"{name}.png")
    assert Folder(tmp_path).load(0).targets[0].pixels[0, 0].tolist() == [9, 8, 7]


def test_pictures_of_two_sizes_are_both_named(pictures: Path) -> None:
    draw(pictures / "class-1" / "9.png", 9, (10, 12))
    with pytest.raises(GeneratorError, match=r"9\.png is 10×12, but .*0\.png is 12×10"):
        Folder(pictures).load(0)


def test_an_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"0 pictures \(.png, .jpg"):
        Folder(tmp_path).load(0)
