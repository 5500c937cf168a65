"""A small residual network for 32×32 pictures: the demo's own, trained on the machine that runs it."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family, Preprocessed, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.normalization import Normalization
from generator.models.weights import file_sha256

CHANNELS = (24, 48, 96, 192)
INPUT_SIZE = 32
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


class Block(nn.Module):
    """Two 3×3 convolutions with a shortcut (He et al. 2016, basic block).

    A block that halves the size does so by averaging 2×2 pixels first: a stride would look at some pixels more often
    than at others, which shows as a chequered pattern in every image made by following the gradient.
    """

    def __init__(self, inputs: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(x)
        y = functional.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))
        return result


class SmallResNet(nn.Module):
    """Stem, four blocks, global average pool, linear. Layers: `stem`, `layer1` … `layer4`, `flatten` (penultimate), `fc`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        first = CHANNELS[0]
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.layer1 = Block(first, CHANNELS[0], halve=False)
        self.layer2 = Block(CHANNELS[0], CHANNELS[1], halve=True)
        self.layer3 = Block(CHANNELS[1], CHANNELS[2], halve=True)
        self.layer4 = Block(CHANNELS[2], CHANNELS[3], halve=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(CHANNELS[3], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        result: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return result


def preprocessed(network: SmallResNet) -> Preprocessed:
    """The network with its normalization in front, as training and inversion both use it."""
    return Preprocessed(network, INPUT_SIZE, MEAN, STD)


class SmallResNetFamily(Family):
    """32 pixels, or any other size: what follows the last block is their average."""

    name = "small_resnet"

    def architectures(self) -> Sequence[str]:
        return ("small_resnet",)

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
        network = SmallResNet(n_classes or 15)
        stored = None if checkpoint is None else load_checkpoint(network, checkpoint)
        size = input_size or INPUT_SIZE
        return BuiltModel(
            module=preprocess(network, size, normalization or stored or Normalization(MEAN, STD)),
            network=network,
            input_size=size,
            weights_sha256=None if checkpoint is None else file_sha256(checkpoint),
        )


small_resnet = SmallResNetFamily()
