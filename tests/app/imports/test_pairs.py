"""Pictures that a lab already has become sets; whatever is wrong with the table is one line, and no set is written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import Invalid
from app.imports import Labels, import_pairs
from app.imports.pairs import OPTIONAL
from app.store import NOT_ASSESSED, Store

LABELS = Labels(name="lab", model="net", layer="layer4", optimizer="theirs")


def draw(path: Path, value: int, size: tuple[int, int] = (6, 8)) -> None:
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for name, value in {"t0": 100, "t1": 60, "s0": 200, "s1": 10, "s2": 255, "r0": 120, "r1": 40, "r2": 50}.items():
        draw(tmp_path / f"{name}.png", value)
    path = tmp_path / "pairs.csv"
    path.write_text(
        "target,start,iri,target_id,class,cluster,split,licence,redistributable\n"
        "t0.png,s0.png,r0.png,zero,cat,photo-0,heldout,CC0,true\n"
        "t1.png,s1.png,r1.png,one,dog,photo-1,train,,no\n"
        "t1.png,s2.png,r2.png,one,dog,photo-1,,,\n"
    )
    return path


def test_a_table_becomes_a_set(table: Path, store: Store) -> None:
    ((identity, made),) = import_pairs(table, store, LABELS)
    found = store.get_set(identity)
    assert found == made
    assert (found.name, found.source.layer, found.source.optimizer) == ("lab/net", "layer4", "theirs")
    assert not found.is_assessed
    assert found.recipe["validity"] == NOT_ASSESSED
    assert [(i.target_id, i.replicate, i.label, i.cluster, i.split) for i in found.items] == [
        ("zero", 0, "cat", "photo-0", "heldout"),
        ("one", 0, "dog", "photo-1", "train"),
        ("one", 1, "dog", "photo-1", "unknown"),
    ]
    assert [i.redistributable for i in found.items] == [True, False, None]
    assert found.items[0].measures == {
        "pixel_l2": pytest.approx(20 / 255, rel=1e-5),
        "pixel_l2_start": pytest.approx(100 / 255, rel=1e-5),
        "pixel_l2_to_start": pytest.approx(80 / 255, rel=1e-5),
        "distance_ratio": pytest.approx(0.2),
    }
    assert (found.items[0].target.width, found.items[0].target.height) == (8, 6)
    assert list(store.verify()) == []


def test_each_model_and_layer_of_a_table_is_a_set(table: Path, store: Store) -> None:
    rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{rows[0]},model", f"{rows[1]},a", f"{rows[2]},b", f"{rows[3]},"]))
    assert [(s.name, len(s.items)) for _, s in import_pairs(table, store, LABELS)] == [
        ("lab/a", 1),
        ("lab/b", 1),
        ("lab/net", 1),
    ]


def test_names_of_targets_and_clusters_may_be_left_out(table: Path, store: Store) -> None:
    table.write_text("iri,target,start\nr0.png,t0.png,s0.png\n")
    ((_, made),) = import_pairs(table, store, LABELS)
    assert (made.items[0].target_id, made.items[0].cluster, made.items[0].start_id) == ("t0.png", "t0.png", "s0.png")


def test_starts_are_compared_by_their_name_not_by_the_order_of_rows(table: Path, store: Store) -> None:
    table.write_text(
        "target,start,iri,model\n"
        "t0.png,s1.png,r0.png,a\nt0.png,s2.png,r1.png,a\n"
        "t0.png,s2.png,r2.png,b\nt0.png,s1.png,r0.png,b\n"
    )
    sets = [made for _, made in import_pairs(table, store, LABELS)]
    starts = [{item.replicate: item.start_id for item in made.items} for made in sets]
    assert starts == [{0: "s1.png", 1: "s2.png"}] * 2


def line(old: str, new: str) -> Callable[[Path], None]:
    def change(table: Path) -> None:
        assert old in table.read_text()
        table.write_text(table.read_text().replace(old, new))

    return change


def deep(table: Path) -> None:
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(table.with_name("r1.png"))


def transparent(table: Path) -> None:
    Image.fromarray(np.full((6, 8, 4), 128, np.uint8)).save(table.with_name("r1.png"))


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no column": (line("start,iri", "begin,iri"), "no column 'start'; it needs target, start, iri"),
    "unknown column": (line(",class,", ",klass,"), f"'klass' that means nothing here; known are {', '.join(OPTIONAL)}"),
    "no such picture": (line("r1.png", "r9.png"), "line 3, column iri: r9.png is no readable picture"),
    "an empty cell": (line("t1.png,s1.png,r1.png", "t1.png,,r1.png"), "line 3, column start: it is empty"),
    "a cell too many": (line("one,dog,photo-1,train,,no", "one,dog,photo-1,train,,no,x"), "line 3: it has another"),
    "a cell too few": (line(",train,,no", ",train"), "line 3: it has another number of cells"),
    "another size": (
        lambda table: draw(table.with_name("r1.png"), 3, (6, 9)),
        "line 3, column iri: r1.png has another",
    ),
    "16 bits": (deep, "line 3, column iri: r1.png has pixels of kind I;16"),
    "transparent": (transparent, "line 3, column iri: r1.png is transparent in places"),
    "two pictures of one name": (
        line("t1.png,s2.png,r2.png", "t0.png,s2.png,r2.png"),
        "line 4, column target: one was",
    ),
    "the same start twice": (line("t1.png,s2.png", "t1.png,s1.png"), "line 4, column start: a row before has"),
    "a quote without end": (line("t1.png,s1.png", '"t1.png' + "x" * 140000), "it is no CSV"),
    "a split that is none": (line("train", "test"), "line 3, column split: 'test' is none; expected train, heldout"),
    "neither true nor false": (line(",no", ",maybe"), "line 3, column redistributable: 'maybe'"),
    "nothing": (lambda table: table.write_text("target,start,iri\n"), "has no rows"),
    "not text": (lambda table: table.write_bytes(b"\xff\xfe\x00"), "is not UTF-8 text"),
    "no table": (lambda table: table.unlink(), "cannot be read"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line_and_no_set(case: str, table: Path, store: Store) -> None:
    spoil, said = CASES[case]
    spoil(table)
    with pytest.raises(Invalid) as problem:
        import_pairs(table, store, LABELS)
    assert said in str(problem.value)
    assert str(table) in str(problem.value)
    assert "\n" not in str(problem.value)
    assert store.set_ids() == []
