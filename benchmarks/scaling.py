"""How far do more workers get a run? Images a second with 1, 2, … processes, and with Ray, on the cores there are.

Usage: python -m benchmarks.scaling [--images N] [--json FILE]     a random-init ResNet-18 at 96 px; nothing is kept
Each way makes the same sets (the ids are compared). Seconds are those of a whole run, start of the processes included.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from generator.executors import Executor, LocalExecutor, RayExecutor
from generator.recipe import Recipe, read_recipe
from generator.run import run
from generator.store import Store

RECIPE = """
name = "scaling"
tau = 0.2
batch_size = 4
unit_size = 4
stop = { rule = "first", at = 0.15 }
[targets]
kind = "folder"
path = "pictures"
limit = LIMIT
[[models]]
name = "resnet18"
architecture = "resnet18"
layers = ["layer2"]
[[optimizers]]
kind = "adam"
lr = 0.02
steps = 60
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--images", type=int, default=32)
    arguments.add_argument("--json", type=Path)
    told = arguments.parse_args()
    cores = len(os.sched_getaffinity(0))
    ways: dict[str, Executor] = {"1 process": LocalExecutor(("cpu",))}
    ways |= {f"{n} processes": LocalExecutor(("cpu",) * n) for n in sorted({2, cores}) if n <= cores}
    ways |= {f"ray, {n} workers": RayExecutor(None, n) for n in sorted({1, cores})}
    with tempfile.TemporaryDirectory() as folder:
        recipe = _recipe(Path(folder), told.images)
        seconds, ids = {}, {}
        for name, executor in ways.items():
            began = time.perf_counter()
            store = Store(f"{folder}/{name}")
            ids[name] = [made.set_id for made in run(recipe, store, torch.device("cpu"), executor)]
            seconds[name] = time.perf_counter() - began
            print(f"{name:16} {seconds[name]:6.1f} s  {told.images / seconds[name]:6.2f} images/s", flush=True)
    same = len({tuple(each) for each in ids.values()}) == 1
    ratios = {name: seconds["1 process"] / value for name, value in seconds.items()}
    print(f"{cores} cores; the same sets: {same}; " + ", ".join(f"{name} {r:.2f}×" for name, r in ratios.items()))
    if told.json:
        told.json.write_text(json.dumps({"cores": cores, "same_sets": same, "seconds": seconds, "ratios": ratios}))


def _recipe(folder: Path, n: int) -> Recipe:
    """Smooth random pictures and a recipe for them."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for i in range(n + 20):
        tiles = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        tiles.resize((96, 96), Image.Resampling.BICUBIC).save(folder / "pictures" / f"{i:03}.png")
    path = folder / "recipe.toml"
    path.write_text(RECIPE.replace("LIMIT", str(n)))
    return read_recipe(path)


if __name__ == "__main__":
    main()
