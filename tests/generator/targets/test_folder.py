import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from generator.errors import GeneratorError
from generator.targets.folder import Folder


def draw(path: Path, value: int, size: tuple[int, int] = (12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for i in range(6):
        draw(folder / f"class-{i % 2}" / f"{i}.png", i)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_folders_are_classes_and_files_are_clusters(pictures: Path) -> None:
    found = Folder(path=pictures).load(0)
    assert [t.target_id for t in found.targets] == [f"class-{i % 2}/{i}.png" for i in (0, 2, 4, 1, 3, 5)]
    assert [t.label for t in found.targets] == ["class-0"] * 3 + ["class-1"] * 3
    assert len({t.cluster for t in found.targets}) == 6
    assert found.targets[1].pixels.shape == (10, 12, 3)
    assert found.targets[1].pixels[0, 0].tolist() == [2, 0, 0]
    assert found.others == ()
    assert found.name == "pictures"
    assert found.preprocessing == "8-bit RGB, turned upright as EXIF says; own size"


def test_pictures_are_held_out_unless_the_researcher_says_otherwise(pictures: Path) -> None:
    assert {t.split for t in Folder(path=pictures).load(0).targets} == {"heldout"}
    told = Folder(path=pictures, split="train", licence="CC BY 4.0", redistributable=True).load(0).targets
    assert {(t.split, t.licence, t.redistributable) for t in told} == {("train", "CC BY 4.0", True)}


def test_a_limit_draws_by_the_seed_and_leaves_the_rest_for_the_null(pictures: Path) -> None:
    one, again, other = (Folder(path=pictures, limit=3).load(seed) for seed in (0, 0, 1))
    assert [t.target_id for t in one.targets] == [t.target_id for t in again.targets]
    assert [t.target_id for t in one.targets] != [t.target_id for t in other.targets]
    assert len(one.targets) == len(one.others) == 3
    assert not {t.target_id for t in one.targets} & {t.target_id for t in one.others}


def test_the_draw_does_not_depend_on_the_order_in_which_files_were_made(pictures: Path, tmp_path: Path) -> None:
    for file in sorted(pictures.rglob("*.png"), reverse=True):
        copy = tmp_path / "copy" / file.relative_to(pictures)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    one, copied = (Folder(path=path, per_class=1).load(3) for path in (pictures, tmp_path / "copy"))
    assert [t.target_id for t in one.targets] == [t.target_id for t in copied.targets]
    assert [t.target_id for t in one.others] == [t.target_id for t in copied.others]


def test_files_that_are_not_drawn_are_not_read(pictures: Path) -> None:
    kept = {t.target_id for t in Folder(path=pictures, limit=2, others=0).load(0).targets}
    for file in pictures.rglob("*.png"):
        if file.relative_to(pictures).as_posix() not in kept:
            file.write_bytes(b"broken")
    assert len(Folder(path=pictures, limit=2, others=0).load(0).targets) == 2
    with pytest.raises(GeneratorError, match=r"\.png is no readable picture"):
        Folder(path=pictures, limit=2).load(0)


def test_hidden_files_and_folders_are_passed_over(pictures: Path) -> None:
    (pictures / "class-0" / "._0.png").write_bytes(b"what some systems leave behind")
    draw(pictures / ".thumbnails" / "0.png", 0)
    assert len(Folder(path=pictures).load(0).targets) == 6


@pytest.mark.parametrize(("width", "height"), [(41, 30), (30, 41), (17, 60), (24, 24), (20, 20), (300, 231)])
@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "lanczos", "nearest"])
def test_sizes_are_made_equal_as_torchvision_does(tmp_path: Path, width: int, height: int, kernel: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for name in "ab":
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
    way = transforms.InterpolationMode(kernel)
    expected = transforms.Compose([transforms.Resize(24, way), transforms.CenterCrop(24)])(Image.fromarray(noise))
    found = Folder(path=tmp_path, size=24, kernel=kernel).load(0)  # type: ignore[arg-type]
    assert np.array_equal(found.targets[0].pixels, np.asarray(expected))
    assert found.preprocessing == (
        "8-bit RGB, turned upright as EXIF says; shorter side resized to 24 pixels "
        f"(Pillow, {kernel}; longer side in proportion, rounded down), centre crop 24×24"
    )


def test_grey_pictures_become_rgb_and_phones_pictures_stand_upright(tmp_path: Path) -> None:
    Image.new("L", (12, 10), 77).save(tmp_path / "grey.png")
    turned = Image.fromarray(np.zeros((12, 10, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6  # "turn me by a quarter"
    turned.save(tmp_path / "phone.jpg", exif=exif)
    grey, phone = Folder(path=tmp_path).load(0).targets
    assert grey.pixels[3, 3].tolist() == [77, 77, 77]
    assert phone.pixels.shape == (10, 12, 3)


def test_an_opaque_alpha_channel_is_no_obstacle(tmp_path: Path) -> None:
    for name in "ab":
        Image.new("RGBA", (12, 10), (9, 8, 7, 255)).save(tmp_path / f"{name}.png")
    assert Folder(path=tmp_path).load(0).targets[0].pixels[0, 0].tolist() == [9, 8, 7]


def test_pictures_of_two_sizes_are_both_named_and_size_makes_them_one(pictures: Path) -> None:
    draw(pictures / "class-1" / "9.png", 9, (10, 12))
    with pytest.raises(GeneratorError, match=r"9\.png is 10×12, but .*0\.png is 12×10; .* or give size"):
        Folder(path=pictures).load(0)
    assert {t.pixels.shape for t in Folder(path=pictures, size=8).load(0).targets} == {(8, 8, 3)}


def test_an_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"0 pictures \(.png, .jpg"):
        Folder(path=tmp_path).load(0)
