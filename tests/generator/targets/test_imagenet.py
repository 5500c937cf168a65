"""A tiny ImageNet in its layout on disk, listed by torchvision's own reader."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from generator.errors import GeneratorError
from generator.targets.imagenet import ImageNet

WNIDS = ("n01440764", "n01443537", "n02085620")


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, n in (("val", 4), ("train", 2)):
        for k, wnid in enumerate(WNIDS):
            (tmp_path / split / wnid).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (300 + 9 * i, 310 + 40 * k, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / wnid / f"ILSVRC2012_{split}_{k}{i}.JPEG")
    return tmp_path


def test_pixels_are_those_on_which_torchvision_evaluates(imagenet: Path) -> None:
    found = ImageNet(path=imagenet).load(0)
    standard = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    for target in found.targets:
        with Image.open(imagenet / target.target_id) as picture:
            assert np.array_equal(target.pixels, np.asarray(standard(picture)))
    assert found.preprocessing == (
        "8-bit RGB, turned upright as EXIF says; shorter side resized to 256 pixels "
        "(Pillow, bilinear; longer side in proportion, rounded down), centre crop 224×224"
    )


def test_classes_are_wordnet_ids_and_the_datasets_split_is_ours(imagenet: Path) -> None:
    found = ImageNet(path=imagenet, per_class=1).load(0)
    assert [target.label for target in found.targets] == list(WNIDS)
    assert [target.target_id.split("/")[:2] for target in found.targets] == [["val", wnid] for wnid in WNIDS]
    assert {target.split for target in found.targets + found.others} == {"heldout"}
    assert len(found.others) == 9
    assert found.targets[0].redistributable is False
    assert "non-commercial" in str(found.targets[0].licence)
    assert {target.split for target in ImageNet(path=imagenet, split="train").load(0).targets} == {"train"}


def test_only_drawn_pictures_are_opened(imagenet: Path) -> None:
    kept = {target.target_id for target in ImageNet(path=imagenet, limit=2, others=0).load(0).targets}
    for file in (imagenet / "val").rglob("*.JPEG"):
        if file.relative_to(imagenet).as_posix() not in kept:
            file.write_bytes(b"broken")
    assert len(ImageNet(path=imagenet, limit=2, others=0).load(0).targets) == 2


@pytest.mark.parametrize("missing", ["nothing", "no classes", "empty classes"])
def test_a_folder_without_the_dataset_says_where_its_files_belong(tmp_path: Path, missing: str) -> None:
    if missing != "nothing":
        (tmp_path / "val").mkdir()
    if missing == "empty classes":
        (tmp_path / "val" / WNIDS[0]).mkdir()
    with pytest.raises(GeneratorError) as problem:
        ImageNet(path=tmp_path).load(0)
    assert str(problem.value) == (
        f"targets: no ImageNet in {tmp_path}/val; put its pictures there in one folder a class, as in "
        f"{tmp_path}/val/n01440764/ILSVRC2012_val_00000293.JPEG (its terms do not let it be downloaded for you)"
    )
