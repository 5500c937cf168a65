"""The whole walk, by the commands that people type: recipe → store → study → observers in the pages → score → export."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import recovers
from tests.server import free_port, running

BIN = Path(sys.executable).parent
RECIPE = """
name = "walk"
tau = 0.1
batch_size = 45
starts = ["grey-noise"]
stop = { rule = "first", at = 0.09 }
[targets]
kind = "photographs"
per_photograph = 3
[[models]]
name = "one"
family = "small_resnet"
architecture = "small_resnet"
layers = ["stem"]
[[models]]
name = "two"
family = "small_resnet"
architecture = "small_resnet"
layers = ["layer1.conv1"]
[[losses]]
kind = "relative_l2"
[[optimizers]]
kind = "adam"
lr = 0.05
steps = 40
"""
STUDY = """
slug = "walk"
title = "A walk"
sets = ["walk/one", "walk/two"]
trials = 20
practice = 2
catch = 2
[texts]
consent = "You may stop."
instructions = "Choose."
debrief = "Thanks."
[display]
size = 64
"""
OBSERVERS, ALIGNMENT, LAPSE = 10, 0.9, 0.2


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "study.toml").write_text(STUDY)
    return {**os.environ, "ALIKE_DATA_DIR": str(tmp_path)}


def test_from_a_recipe_to_a_score(environment: dict[str, str], tmp_path: Path) -> None:
    def run(command: str, *arguments: str) -> str:
        done = subprocess.run(
            [BIN / command, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    store = str(tmp_path / "store")
    made = run("alike-generate", "run", "recipe.toml", "--store", store)
    assert made == run("alike-generate", "run", "recipe.toml", "--store", store)  # nothing is made twice
    assert run("alike-generate", "check", "walk/one", "--store", store)
    assert "2 stimulus sets" in run("alike", "store", "verify")

    run("alike", "db", "upgrade")
    run("alike", "study", "new", "study.toml")
    run("alike", "study", "publish", "walk")
    with running([BIN / "alike", "serve"], free_port(), environment, tmp_path) as url:
        told = ("--observers", str(OBSERVERS), "--alignment", str(ALIGNMENT), "--lapse", str(LAPSE), "--url", url)
        run("alike", "simulate", "walk", *told)

    scores = json.loads(run("alike", "score", "walk", "--json", "--mode", "simulated"))
    assert {score["model"] for score in scores} == {"one", "two"}
    assert sum(score["n_responses"] for score in scores) == OBSERVERS * 20
    for score in scores:
        assert recovers(score, (1 - LAPSE) * ALIGNMENT + LAPSE / 2)
        assert score["set_id"] in made

    run("alike", "export", "walk", "--format", "csv", "--mode", "simulated", "--out", "rows.csv")
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == OBSERVERS * 24
    for score in scores:  # the table alone gives the score back
        mine = [row for row in rows if row["set_id"] == score["set_id"]]
        share = sum(int(row["chose_target"]) for row in mine) / len(mine)
        assert share == pytest.approx(score["alignment"])
