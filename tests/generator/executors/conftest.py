from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from app.store import Store
from generator.recipe import Recipe, read_recipe
from generator.run import run
from tests.generator.nets import save_recipe

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Undisturbed:
    """What a recipe gives in one process that nobody disturbs."""

    path: Path
    recipe: Recipe
    ids: tuple[str, ...]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Two layers, three units each, two sets of each layer: a snapshot and the end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = save_recipe(
        folder, **{'layers = ["layer1"]': 'layers = ["stem", "layer1"]', "at = 0.3": "at = 0.3, snapshots = [0.4]"}
    )
    recipe = read_recipe(path)
    ids = tuple(made.set_id for made in run(recipe, Store(str(folder / "store")), CPU))
    assert len(set(ids)) == 4
    return Undisturbed(path, recipe, ids)
