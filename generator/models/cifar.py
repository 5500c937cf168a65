"""The paper's networks for CIFAR-10 and CIFAR-100."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.cifar_inception import InceptionV3
from generator.models.cifar_nets import VGG16, DenseNet121, ResNet18
from generator.models.normalization import NORMALIZATIONS, Normalization
from generator.models.weights import file_sha256

ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": ResNet18,
    "densenet121": DenseNet121,
    "vgg16": VGG16,
    "inception_v3": InceptionV3,
}

INPUT_SIZE = 32
SMALLEST_SIZE = 32
"""VGG-16 halves its map five times."""


class CifarFamily(Family):
    """Ten classes, 32 pixels and the colours of CIFAR-10, if nothing else is asked for."""

    name = "cifar"

    def architectures(self) -> Sequence[str]:
        return tuple(ARCHITECTURES)

    def build(
        self,
        architecture: str,
        weights: str | None,
        checkpoint: Path | None,
        n_classes: int | None,
        *,
        normalization: Normalization | None = None,
        input_size: int | None = None,
    ) -> BuiltModel:
        if weights is not None:
            raise GeneratorError(f"{architecture} has no weights named {weights!r}; give a checkpoint file")
        size = input_size or INPUT_SIZE
        if size < SMALLEST_SIZE:
            raise GeneratorError(f"{architecture} takes images of {SMALLEST_SIZE} pixels at least, not {size}")
        network = ARCHITECTURES[architecture](n_classes or 10)
        stored = None if checkpoint is None else load_checkpoint(network, checkpoint)
        return BuiltModel(
            module=preprocess(network, size, normalization or stored or NORMALIZATIONS["cifar10"]),
            network=network,
            input_size=size,
            weights_sha256=None if checkpoint is None else file_sha256(checkpoint),
        )


cifar = CifarFamily()
