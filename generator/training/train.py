"""Train the networks of a recipe, once: weights are kept under the hash of everything that decides them."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from generator.errors import GeneratorError
from generator.models.small_resnet import SmallResNet, preprocessed
from generator.models.weights import file_sha256
from generator.targets.photographs import PHOTOGRAPHS, heldout_crops, training_crops
from generator.training.attack import perturb
from generator.training.fit import fast, fit
from generator.training.recipe import Attack, TrainedNetwork, TrainRecipe

_FORMAT = 2  # changes whenever the code below would give other weights for the same recipe
_TEST_ATTACK_STEPS = 10


@dataclass(frozen=True)
class Trained:
    """A network's weights and what they can do on held-out crops (accuracies in [0, 1])."""

    name: str
    checkpoint: str
    sha256: str
    recipe_sha256: str
    accuracy: float
    robust_accuracy: float
    robust_epsilon: float
    seconds: float


def train(recipe: TrainRecipe, out: Path, device: torch.device) -> list[Trained]:
    """Weights of every network of the recipe, in `out`: `NAME.pt` and `NAME.json`.

    Those that were made from the same recipe before are used again. A file is there whole or not at all.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GeneratorError(f"folder {out} cannot be written: {problem.strerror}") from None
    return [_kept(recipe, network, out) or _train_one(recipe, network, out, device) for network in recipe.networks]


def recipe_sha256(recipe: TrainRecipe, network: TrainedNetwork) -> str:
    """Hash of all that decides this network's weights; the other networks of the recipe do not."""
    decisive = {**recipe.model_dump(mode="json"), "networks": [network.model_dump(mode="json")], "format": _FORMAT}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _kept(recipe: TrainRecipe, network: TrainedNetwork, out: Path) -> Trained | None:
    try:
        trained = Trained(**json.loads((out / f"{network.name}.json").read_text()))
        same = trained.recipe_sha256 == recipe_sha256(recipe, network)
        intact = same and file_sha256(out / trained.checkpoint) == trained.sha256
    except (OSError, ValueError, TypeError):
        return None
    return trained if intact else None


def _train_one(recipe: TrainRecipe, network: TrainedNetwork, out: Path, device: torch.device) -> Trained:
    began = time.perf_counter()
    torch.manual_seed(recipe.rng_seed)  # the same initial weights for every network of the recipe
    net = SmallResNet(len(PHOTOGRAPHS)).to(device).to(memory_format=torch.channels_last)
    module = preprocessed(net).to(device)
    fit(
        module,
        *_tensors(training_crops(recipe.data.crops_per_photograph, recipe.data.rng_seed), device),
        recipe,
        network,
    )
    module.eval()
    accuracy, robust = _measure(recipe, module)
    weights = {name: tensor.cpu() for name, tensor in net.state_dict().items()}
    checkpoint = out / f"{network.name}.pt"
    _write(checkpoint, lambda path: torch.save(weights, path))
    trained = Trained(
        name=network.name,
        checkpoint=checkpoint.name,
        sha256=file_sha256(checkpoint),
        recipe_sha256=recipe_sha256(recipe, network),
        accuracy=accuracy,
        robust_accuracy=robust,
        robust_epsilon=recipe.robust_epsilon,
        seconds=round(time.perf_counter() - began, 1),
    )
    _write(out / f"{network.name}.json", lambda path: path.write_text(json.dumps(asdict(trained), indent=2)))
    return trained


def _measure(recipe: TrainRecipe, module: nn.Module) -> tuple[float, float]:
    """Accuracy on held-out crops, plain and under a stronger attack than any used in training."""
    device = next(module.parameters()).device
    images, labels = _tensors(heldout_crops(recipe.data.heldout_per_photograph, recipe.data.rng_seed + 1), device)
    epsilon = recipe.robust_epsilon
    attack = Attack(epsilon=epsilon, steps=_TEST_ATTACK_STEPS, step_size=2.5 * epsilon / _TEST_ATTACK_STEPS)
    with fast(device):
        attacked = perturb(module, images, labels, attack, None)
    with torch.no_grad():
        return tuple(  # type: ignore[return-value]
            float((module(batch).argmax(1) == labels).float().mean()) for batch in (images, attacked)
        )


def _tensors(crops: tuple[np.ndarray, np.ndarray], device: torch.device) -> tuple[Tensor, Tensor]:
    pixels, labels = crops
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255)
    return images.contiguous(memory_format=torch.channels_last).to(device), torch.from_numpy(labels).to(device)


def _write(path: Path, save: Callable[[Path], object]) -> None:
    """All of it or nothing."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        save(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        raise GeneratorError(f"{path} cannot be written: {problem.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
