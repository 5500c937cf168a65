"""Tiny datasets in CIFAR's format on disk, read by torchvision's own readers. Only the published checksums are replaced by
those of the tiny files."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from generator.errors import GeneratorError
from generator.targets.cifar import Cifar10, Cifar100

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def keep(file: Path, content: dict[str, object]) -> str:
    file.write_bytes(pickle.dumps(content, protocol=2))
    return hashlib.md5(file.read_bytes()).hexdigest()


def batch(n: int, classes: int, key: str, rng: np.random.Generator) -> dict[str, object]:
    """Rows of 3072 bytes: the red plane, the green, the blue, each row by row."""
    return {"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8), key: [i % classes for i in range(n)]}


def make(folder: Path, reader: type[datasets.CIFAR10], key: str, names: list[str], mp: pytest.MonkeyPatch) -> None:
    """The dataset's folder: 40 pictures in the test batch, 20 in each training batch, red 200 in picture 0 of the test."""
    rng = np.random.default_rng(0)
    (folder / reader.base_folder).mkdir(parents=True)
    for attribute, n in (("train_list", 20), ("test_list", 40)):
        files = []
        for name, _ in getattr(reader, attribute):
            content = batch(n, len(names), key, rng)
            if name.startswith("test"):
                content["data"][0] = np.repeat([200, 100, 50], 1024)  # type: ignore[index]
                content["data"][0, 1] = 7  # type: ignore[index]
            files.append([name, keep(folder / reader.base_folder / name, content)])
        mp.setattr(reader, attribute, files)
    file = folder / reader.base_folder / reader.meta["filename"]
    mp.setattr(reader, "meta", {**reader.meta, "md5": keep(file, {reader.meta["key"]: names})})


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path, datasets.CIFAR10, "labels", TEN, monkeypatch)
    return tmp_path


def test_test_pictures_are_held_out_with_their_classes_by_name(cifar10: Path) -> None:
    found = Cifar10(path=cifar10).load(0)
    assert len(found.targets) == 40
    assert found.name == "CIFAR-10 test"
    assert found.preprocessing == "none: as published"
    first = found.targets[0]
    assert (first.target_id, first.cluster, first.label) == ("cifar10/test/00000", "cifar10/test/00000", "airplane")
    assert (first.split, first.licence, first.redistributable) == ("heldout", "none stated", None)
    assert first.pixels.dtype == np.uint8
    assert first.pixels[5, 5].tolist() == [200, 100, 50]
    assert first.pixels[0, 1].tolist() == [7, 100, 50]
    assert [target.label for target in found.targets[:10]] == TEN


def test_training_pictures_say_that_they_are(cifar10: Path) -> None:
    found = Cifar10(path=cifar10, split="train", per_class=2).load(0)
    assert {target.split for target in found.targets} == {"train"}
    assert {target.target_id.split("/")[1] for target in found.targets + found.others} == {"train"}
    assert [sum(target.label == name for target in found.targets) for name in TEN] == [2] * 10
    assert len(found.others) == 80


def test_others_are_test_pictures_that_were_not_drawn(cifar10: Path) -> None:
    found = Cifar10(path=cifar10, limit=10, others=15).load(1)
    ids = [target.target_id for target in found.targets + found.others]
    assert len(found.targets) == 10
    assert len(found.others) == 15
    assert len(set(ids)) == 25


def test_cifar100_has_its_fine_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"fine-{i}" for i in range(20)]
    make(tmp_path, datasets.CIFAR100, "fine_labels", names, monkeypatch)
    found = Cifar100(path=tmp_path).load(0)
    assert found.name == "CIFAR-100 test"
    assert [target.label for target in found.targets[:20]] == names


def test_a_folder_without_the_dataset_says_where_its_files_belong(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError) as problem:
        Cifar10(path=tmp_path).load(0)
    assert str(problem.value) == (
        f"targets: no intact CIFAR-10 in {tmp_path}; unpack cifar-10-python.tar.gz there, so that "
        f"{tmp_path}/cifar-10-batches-py/test_batch exists, or set download = true"
    )
    with pytest.raises(
        GeneratorError, match=r"unpack cifar-100-python\.tar\.gz there, so that .*/cifar-100-python/test"
    ):
        Cifar100(path=tmp_path).load(0)


def test_a_file_with_another_checksum_is_never_unpickled(cifar10: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (cifar10 / "code ran",))

    (cifar10 / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(GeneratorError, match="no intact CIFAR-10"):
        Cifar10(path=cifar10).load(0)
    assert not (cifar10 / "code ran").exists()


def test_a_download_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")  # nobody listens there
    with pytest.raises(GeneratorError, match=r"CIFAR-10 cannot be downloaded to .*refused") as problem:
        Cifar10(path=tmp_path, download=True).load(0)
    assert "\n" not in str(problem.value)


def test_pictures_of_the_two_datasets_never_share_an_id(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(cifar10 / "other", datasets.CIFAR100, "fine_labels", TEN, monkeypatch)
    sets = (Cifar10(path=cifar10), Cifar100(path=cifar10 / "other"))
    assert len({target.target_id for each in sets for target in each.load(0).targets}) == 80
