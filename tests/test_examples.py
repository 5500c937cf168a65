"""What the examples say is what the programs take."""

from pathlib import Path

import pytest

from app.studies.protocol import read_protocol
from generator import models
from generator.recipe import read_recipe
from generator.representation import Layer
from generator.training.recipe import read_train_recipe

EXAMPLES = Path("examples")


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("study.toml")), ids=str)
def test_studies_can_be_read(file: Path) -> None:
    read_protocol(file)


@pytest.mark.parametrize("file", [*EXAMPLES.rglob("generate.toml"), *EXAMPLES.rglob("recipe.toml")], ids=str)
def test_recipes_can_be_read_and_their_layers_exist(file: Path) -> None:
    for entry in read_recipe(file).models:
        built = models.build(entry.family, entry.architecture, n_classes=entry.n_classes)
        for layer in entry.layers:
            Layer(built.module, built.network, layer)


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("train.toml")), ids=str)
def test_training_recipes_can_be_read(file: Path) -> None:
    read_train_recipe(file)


@pytest.mark.parametrize("recipe", [EXAMPLES / "demo/generate.toml", EXAMPLES / "own/recipe.toml"], ids=str)
def test_a_study_asks_for_the_sets_that_its_recipe_makes(recipe: Path) -> None:
    made = read_recipe(recipe)
    asked = read_protocol(recipe.parent / "study.toml").sets
    assert set(asked) == {f"{made.name}/{entry.name}" for entry in made.models}
