"""What is in a set's hash: everything that decides it, and nothing else."""

from pathlib import Path

import pytest
import torch

from generator.plan import Plan, make_plan
from generator.recipe import read_recipe
from tests.generator.nets import save_recipe

CPU = torch.device("cpu")
TABLE = """path,class,cluster,split,licence
targets/class-0/0.png,a,c0,heldout,CC0
targets/class-1/1.png,b,c1,heldout,CC0
targets/class-0/2.png,a,c2,train,CC0
"""


def plan(folder: Path, table: str = TABLE, **changes: str) -> Plan:
    recipe = save_recipe(folder, **{'kind = "folder"\npath = "targets"': 'kind = "csv"\npath = "t.csv"', **changes})
    (folder / "t.csv").write_text(table)
    return make_plan(read_recipe(recipe), CPU)


@pytest.mark.parametrize("old", ["a,c0", "c0,heldout", "heldout,CC0\ntargets/class-1", "train,CC0"])
def test_what_a_table_says_of_targets_decides_foils_nulls_and_labels(tmp_path: Path, old: str) -> None:
    before = plan(tmp_path)
    changed = TABLE.replace(old, old.replace("a,", "b,").replace("c0,", "c9,").replace("CC0", "other"), 1)
    assert changed != TABLE
    assert plan(tmp_path, changed).conditions[0].work != before.conditions[0].work


def test_where_files_lie_decides_nothing(tmp_path: Path) -> None:
    works = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        works.append([c.work for c in plan(tmp_path / name).conditions])
    assert works[0] == works[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tau = 0.5", "tau = 0.51"),
        ("tau = 0.5", 'tau = 0.5\ngate = "strict"'),
        ("tau = 0.5", "tau = 0.5\ndisplay = { size = 64 }"),
        ("tau = 0.5", 'tau = 0.5\nclamp = "block"'),
        ("tau = 0.5", 'tau = 0.5\nrelu = "identity"'),
        ("tau = 0.5", 'tau = 0.5\nprecision = "bf16"'),
        ("tau = 0.5", "tau = 0.5\nreplicates = 2"),
        ("tau = 0.5", "tau = 0.5\ncheck_every = 3"),
        ("at = 0.3", "at = 0.3, snapshots = [0.4]"),
        ("at = 0.3", "at = 0.31"),
        ("rng_seed = 5", "rng_seed = 6"),
        ("steps = 30", "steps = 31"),
        ("n_classes = 4", 'n_classes = 4\nnormalization = "cifar10"'),
        ("[[optimizers]]", '[[alternatives]]\nkind = "nearest"\nmetric = "pixel_l2"\n[[optimizers]]'),
        ("[[optimizers]]", '[[losses]]\nkind = "cosine"\n[[optimizers]]'),
    ],
)
def test_what_decides_a_set_is_in_its_hash(tmp_path: Path, old: str, new: str) -> None:
    (before,) = plan(tmp_path).conditions
    (after,) = plan(tmp_path, **{old: new}).conditions
    assert after.work != before.work


def test_another_layer_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    (before,) = plan(tmp_path).conditions
    after = plan(tmp_path, **{'layers = ["layer1"]': 'layers = ["stem", "layer1"]'}).conditions
    assert after[1].work == before.work
