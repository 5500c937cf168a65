"""What the examples say is what the programs take."""

import json
import re
from pathlib import Path

import pytest
import torch
from torchvision import models as torchvision_models

from app.studies.protocol import read_protocol
from generator import models
from generator.losses.presets import PRESETS
from generator.recipe import Recipe, read_recipe
from generator.representation import Layers
from generator.training.recipe import read_train_recipe

EXAMPLES = Path("examples")


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("study.toml")), ids=str)
def test_studies_can_be_read(file: Path) -> None:
    read_protocol(file)


RECIPES = sorted({*EXAMPLES.rglob("generate.toml"), *EXAMPLES.rglob("recipe.toml"), *EXAMPLES.glob("recipes/*.toml")})


@pytest.mark.parametrize("file", RECIPES, ids=str)
def test_recipes_can_be_read_and_their_layers_exist(file: Path, tmp_path: Path) -> None:
    torch.save(torchvision_models.alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    copied = tmp_path / file.name
    # LPIPS is downloaded, or read from a file that the recipe names; here it is the latter.
    copied.write_text(re.sub(r'preset = "(adversarial\w*)"', _with_backbone, file.read_text()))
    for entry in read_recipe(copied).models:
        built = models.build(entry.family, entry.architecture, n_classes=entry.n_classes)
        Layers(built.module, built.network, entry.layers)


def _with_backbone(found: "re.Match[str]") -> str:
    terms = [
        {**term, "backbone": "alexnet.pth"} if term["kind"] == "lpips" else term for term in PRESETS[found[1]]["terms"]
    ]
    written = ", ".join("{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in term.items()) + " }" for term in terms)
    return f'preset = "{found[1]}"\nterms = [{written}]'


def test_every_setting_of_a_recipe_is_in_the_commented_example() -> None:
    text = (EXAMPLES / "own/recipe.toml").read_text()
    shown = set(re.findall(r"^#? ?\[*([a-z_]+)\]*(?: =|\s|$)", text, re.MULTILINE))
    assert set(Recipe.model_fields) - {"check_every"} <= shown


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("train.toml")), ids=str)
def test_training_recipes_can_be_read(file: Path) -> None:
    read_train_recipe(file)


@pytest.mark.parametrize("recipe", [EXAMPLES / "demo/generate.toml", EXAMPLES / "own/recipe.toml"], ids=str)
def test_a_study_asks_for_the_sets_that_its_recipe_makes(recipe: Path) -> None:
    made = read_recipe(recipe)
    asked = read_protocol(recipe.parent / "study.toml").sets
    assert set(asked) == {f"{made.name}/{entry.name}" for entry in made.models}
