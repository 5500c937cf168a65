from pathlib import Path

import pytest
from PIL import Image

from generator.errors import GeneratorError
from generator.targets.csv_file import CsvFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for i in range(6):
        Image.new("RGB", (12, 10), (i, 0, 0)).save(tmp_path / "pictures" / f"{i}.png")
    return tmp_path


def write(folder: Path, text: str, encoding: str = "utf-8") -> CsvFile:
    (folder / "list.csv").write_text(text, encoding=encoding)
    return CsvFile(path=folder / "list.csv")


def test_every_column_is_taken_over(folder: Path) -> None:
    found = write(
        folder,
        "target_id,path,class,cluster,split,licence,redistributable\n"
        'a,pictures/1.png,dog,photo-7,train,"CC BY, 4.0",true\n'
        "b,pictures/2.png,cat,photo-8,unknown,,no\n",
    ).load(0)
    a, b = found.targets
    assert (a.target_id, a.label, a.cluster, a.split, a.licence, a.redistributable) == (
        *("a", "dog", "photo-7", "train", "CC BY, 4.0", True),
    )
    assert (b.target_id, b.label, b.cluster, b.split, b.licence, b.redistributable) == (
        *("b", "cat", "photo-8", "unknown", None, False),
    )
    assert a.pixels[0, 0].tolist() == [1, 0, 0]
    assert found.name == "list"
    assert found.preprocessing == "8-bit RGB, turned upright as EXIF says; own size"


def test_paths_alone_are_enough_also_with_what_spreadsheets_add(folder: Path) -> None:
    found = write(folder, "path\r\npictures/1.png\r\n pictures/0.png \r\n", "utf-8-sig").load(0)
    assert [target.target_id for target in found.targets] == ["pictures/0.png", "pictures/1.png"]
    first = found.targets[0]
    assert (first.cluster, first.label, first.split, first.licence, first.redistributable) == (
        *("pictures/0.png", None, "heldout", None, None),
    )


def test_sampling_and_size_are_those_of_a_folder(folder: Path) -> None:
    rows = "".join(f"pictures/{i}.png,{'even' if i % 2 == 0 else 'odd'}\n" for i in range(6))
    write(folder, f"path,class\n{rows}")
    found = CsvFile(path=folder / "list.csv", per_class=2, size=8).load(0)
    assert [target.label for target in found.targets].count("odd") == 2
    assert len(found.others) == 2
    assert found.targets[0].pixels.shape == (8, 8, 3)
    assert "centre crop 8×8" in found.preprocessing


def test_rows_in_another_order_give_the_same_draw(folder: Path) -> None:
    rows = [f"pictures/{i}.png\n" for i in range(6)]
    draws = []
    for order in (rows, rows[::-1]):
        write(folder, f"path\n{''.join(order)}")
        found = CsvFile(path=folder / "list.csv", limit=3).load(0)
        draws.append([target.target_id for target in found.targets + found.others])
    assert draws[0] == draws[1]


FAULTS = {
    "no such picture": ("path\npictures/0.png\npictures/9.png\n", r"line 3, column path: there is no file .*9\.png"),
    "no path": ("path,class\npictures/0.png,a\n,b\n", r"line 3, column path: ''; expected a path that starts"),
    "an absolute path": ("path\npictures/0.png\n/x/y.png\n", r"line 3, column path: '/x/y\.png'; expected a path"),
    "a split": (
        "path,split\npictures/0.png,\npictures/1.png,test\n",
        r"line 3, column split: 'test'; expected train, heldout, unknown or nothing",
    ),
    "a truth": (
        "path,redistributable\npictures/0.png,maybe\npictures/1.png,\n",
        r"line 2, column redistributable: 'maybe'; expected true, yes, 1, false, no, 0 or nothing",
    ),
    "twins": (
        "path,target_id\npictures/0.png,a\npictures/1.png,b\npictures/2.png,a\n",
        r"line 4, column target_id: 'a' stands in line 2 too",
    ),
    "a misspelt column": (
        "path,licens\npictures/0.png,x\n",
        r"line 1: column 'licens' is unknown; known are path, class, cluster, split, licence, redistributable, target_id",
    ),
    "a column twice": ("path,class,class\n", r"line 1: column class is there 2 times"),
    "semicolons": ("path;class\npictures/0.png;x\n", r"line 1: column 'path;class' is unknown; .* with commas"),
    "columns without path": ("class\nx\n", "line 1: there is no column path"),
    "an empty file": ("", "line 1: there is no column path"),
    "a cell too many": ("path\npictures/0.png,x\n", "line 2 has another number of cells than the header"),
    "a cell too few": ("path,class\npictures/0.png\n", "line 2 has another number of cells than the header"),
    "one picture": ("path\npictures/0.png\n", r"list\.csv lists 1 pictures; two at least"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_their_line_and_column(folder: Path, fault: str) -> None:
    text, message = FAULTS[fault]
    with pytest.raises(GeneratorError, match=message) as problem:
        write(folder, text).load(0)
    assert "\n" not in str(problem.value)
    assert "list.csv" in str(problem.value)


def test_a_picture_that_cannot_be_read_names_its_line(folder: Path) -> None:
    (folder / "pictures" / "1.png").write_bytes(b"broken")
    with pytest.raises(GeneratorError, match=r"list\.csv, line 3, column path: .*1\.png is no readable picture"):
        write(folder, "path\npictures/0.png\npictures/1.png\n").load(0)


def test_a_file_that_is_not_there_or_not_text_is_said(folder: Path) -> None:
    with pytest.raises(GeneratorError, match=r"none\.csv cannot be read: No such file"):
        CsvFile(path=folder / "none.csv").load(0)
    (folder / "list.csv").write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(GeneratorError, match="is no CSV file in UTF-8"):
        CsvFile(path=folder / "list.csv").load(0)
