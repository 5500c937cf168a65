"""The paper's step and Adam, to the same error from the same starts: how many get there, in how many steps, how fast?

Usage: python -m benchmarks.inversion [FOLDER]     FOLDER holds the demo's networks (default: data/models)
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from generator.inversion import Optimizer, invert
from generator.losses.relative_l2 import RelativeL2
from generator.models import build
from generator.optimizers.adam import Adam
from generator.optimizers.paper import Paper
from generator.representation import Layer
from generator.starts import STARTS
from generator.stimuli import to_tensor
from generator.targets.photographs import Photographs

TAU, STEPS = 0.1, 1000
OPTIMIZERS: dict[str, Optimizer] = {
    "paper": Paper(steps=STEPS, stop_at=TAU),
    "adam": Adam(lr=0.01, steps=STEPS, stop_at=TAU),
}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "data/models")
    checkpoints = sorted(folder.glob("*.pt"))
    if not checkpoints:
        sys.exit(f"no networks in {folder}; `make demo` makes them")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = [target.pixels for target in Photographs(per_photograph=2).load(0).targets]
    targets = to_tensor(pictures, device)
    rng = np.random.default_rng(0)
    grey = [STARTS["grey-noise"].draw(32, 32, rng).clip(0, 1) for _ in pictures]
    starts = to_tensor([(start * 255).round().astype(np.uint8) for start in grey], device)
    print(f"{device.type}, {torch.get_num_threads()} threads, {len(pictures)} targets, to an error of {TAU:g}")
    for checkpoint in checkpoints:
        built = build("small_resnet", "small_resnet", checkpoint=checkpoint)
        built.module.to(device)
        represent = Layer(built.module, built.network, "flatten")
        seconds = {}
        for name, optimizer in OPTIMIZERS.items():
            began = time.perf_counter()
            found = invert(represent, RelativeL2(), optimizer, targets, starts)
            seconds[name] = time.perf_counter() - began
            reached = float((found.errors <= TAU).float().mean())
            median = float(np.median(found.steps))
            print(
                f"{checkpoint.stem:10} {name:6} {reached:5.0%} get there, median {median:5.0f} steps, {seconds[name]:6.1f} s"
            )
        print(f"{checkpoint.stem:10} time of paper / time of adam = {seconds['paper'] / seconds['adam']:.1f}")


if __name__ == "__main__":
    main()
