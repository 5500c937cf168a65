"""Fit a network to labelled pictures, each batch cut into shares that threads work on side by side.

A convolution that is spread over threads makes them wait for each other several times; where another program wants a
core too, each wait lasts a slice of the scheduler's time. Shares meet once a batch: on two idle cores a batch took
0.7 of the time that it takes with threads inside the operators, on two busy ones a tenth.
"""

import copy
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from generator.errors import GeneratorError
from generator.training.attack import perturb
from generator.training.recipe import TrainedNetwork, TrainRecipe

SHARES = 2
"""Fixed, because batch norm sees a share at a time: the weights must not depend on how many cores there are."""

_WARM_UP = 0.25


def fit(module: nn.Module, images: Tensor, labels: Tensor, recipe: TrainRecipe, network: TrainedNetwork) -> None:
    """SGD with one cycle of the learning rate, in place. The order of the pictures depends on the recipe's seed alone.

    Raises GeneratorError if there are fewer pictures than a batch, or if the loss is no longer a number.
    """
    n_batches = len(images) // recipe.batch_size
    if n_batches == 0:
        raise GeneratorError(f"batch_size {recipe.batch_size} is more than the {len(images)} training crops")
    total = network.epochs * n_batches
    optimizer = torch.optim.SGD(
        module.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda batch: _cycle(batch / total))
    module.train()
    with (
        _Shares(module, recipe, network) as shares,
        tqdm(total=total, desc=f"train {network.name}", unit="batch") as bar,
    ):
        for chosen in _batches(len(images), recipe, network.epochs):
            loss = shares.set_gradient(images[chosen], labels[chosen])
            if not math.isfinite(loss):
                raise GeneratorError(
                    f"the loss of network {network.name} is not a number at batch {bar.n}; use a smaller learning_rate"
                )
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()


def _cycle(done: float) -> float:
    """Share of the learning rate when a share of the batches is done: linear to 1 in the first quarter, then half a cosine."""
    if done < _WARM_UP:
        return max(done / _WARM_UP, 0.04)
    return 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))


def _batches(n: int, recipe: TrainRecipe, epochs: int) -> Iterator[Tensor]:
    """Indices of whole batches, in a new order each epoch."""
    rng = torch.Generator().manual_seed(recipe.rng_seed)
    for _ in range(epochs):
        order = torch.randperm(n, generator=rng)
        for first in range(0, n - recipe.batch_size + 1, recipe.batch_size):
            yield order[first : first + recipe.batch_size]


class _Shares:
    """Copies of a network on the same parameters, one a share of the batch. The running statistics of batch norm that
    stay are those of the first share."""

    def __init__(self, module: nn.Module, recipe: TrainRecipe, network: TrainedNetwork) -> None:
        self._attack = network.attack
        self._parameters = list(module.parameters())
        n = SHARES if self._parameters[0].device.type == "cpu" else 1
        self._modules = [module, *(_twin(module) for _ in range(n - 1))]
        self._rngs = [torch.Generator().manual_seed(recipe.rng_seed + 1 + i) for i in range(n)]
        self._pool = ThreadPoolExecutor(n)

    def __enter__(self) -> "_Shares":
        self._threads = torch.get_num_threads()
        torch.set_num_threads(max(1, self._threads // len(self._modules)))
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        torch.set_num_threads(self._threads)

    def set_gradient(self, images: Tensor, labels: Tensor) -> float:
        """Set the parameters' gradient to that of the mean cross-entropy, under the attack if there is one; returns the loss."""
        n = len(self._modules)
        done = list(
            self._pool.map(self._share, self._modules, self._rngs, images.tensor_split(n), labels.tensor_split(n))
        )
        weights = [len(share) / len(images) for share in labels.tensor_split(n)]
        for i, parameter in enumerate(self._parameters):
            parts = [gradients[i] * weight for (_, gradients), weight in zip(done, weights, strict=True)]
            parameter.grad = torch.stack(parts).sum(0)
        return sum(loss * weight for (loss, _), weight in zip(done, weights, strict=True))

    def _share(
        self, module: nn.Module, rng: torch.Generator, images: Tensor, labels: Tensor
    ) -> tuple[float, tuple[Tensor, ...]]:
        with fast(images.device):
            if self._attack is not None:
                images = perturb(module, images, labels, self._attack, rng)
            loss = functional.cross_entropy(module(images).float(), labels)
        return loss.item(), torch.autograd.grad(loss, list(module.parameters()))


def _twin(module: nn.Module) -> nn.Module:
    twin = copy.deepcopy(module)
    for mine, its in zip(module.parameters(), twin.parameters(), strict=True):
        its.data = mine.data
    return twin


def fast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where the processor computes in it; else nothing (elsewhere it is emulated, and slower than float32)."""
    if device.type == "cpu" and not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
