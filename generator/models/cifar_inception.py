"""Inception-v3 (Szegedy et al. 2016) for 32×32 pictures, in the variant that is usual on CIFAR.

Its stem does not shrink the picture, and there is no auxiliary classifier. Weights have the names and shapes of the
library `robustness`, which the paper's networks are built after; the blocks' letters are those of torchvision.
"""

import torch
from torch import Tensor, nn

Size = int | tuple[int, int]


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: Size = 1, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.bn(self.conv(x)))
        return result


def same(inputs: int, outputs: int, size: Size) -> ConvBlock:
    """Keeps the size of the map."""
    height, width = (size, size) if isinstance(size, int) else size
    return ConvBlock(inputs, outputs, size, padding=(height // 2, width // 2))


def chain(inputs: int, *steps: tuple[int, Size]) -> nn.Sequential:
    """Blocks of (outputs, size), each of which keeps the size of the map."""
    blocks = nn.Sequential()
    for outputs, size in steps:
        blocks.append(same(inputs, outputs, size))
        inputs = outputs
    return blocks


def pooled(inputs: int, outputs: int, size: Size) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), same(inputs, outputs, size))


class Branches(nn.Module):
    """Branches side by side; their channels follow one another in the order given."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.children()], 1)


def block_a(inputs: int, pool_outputs: int) -> Branches:
    return Branches(
        branch1x1=same(inputs, 64, 1),
        branch5x5=chain(inputs, (48, 1), (64, 5)),
        branch3x3=chain(inputs, (64, 1), (96, 3), (96, 3)),
        branchpool=pooled(inputs, pool_outputs, 3),
    )


def block_b(inputs: int) -> Branches:
    """Halves the map."""
    return Branches(
        branch3x3=ConvBlock(inputs, 384, 3, 2),
        branch3x3stack=chain(inputs, (64, 1), (96, 3)).append(ConvBlock(96, 96, 3, 2)),
        branchpool=nn.MaxPool2d(3, 2),
    )


def block_c(inputs: int, width: int) -> Branches:
    tall, flat = (7, 1), (1, 7)
    return Branches(
        branch1x1=same(inputs, 192, 1),
        branch7x7=chain(inputs, (width, 1), (width, tall), (192, flat)),
        branch7x7stack=chain(inputs, (width, 1), (width, tall), (width, flat), (width, tall), (192, flat)),
        branch_pool=pooled(inputs, 192, 1),
    )


def block_d(inputs: int) -> Branches:
    """Halves the map."""
    return Branches(
        branch3x3=chain(inputs, (192, 1)).append(ConvBlock(192, 320, 3, 2)),
        branch7x7=chain(inputs, (192, 1), (192, (1, 7)), (192, (7, 1))).append(ConvBlock(192, 192, 3, 2)),
        branchpool=nn.AvgPool2d(3, 2),
    )


class BlockE(nn.Module):
    """The last block's form, in which two branches fork once more."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch1x1 = same(inputs, 320, 1)
        self.branch3x3_1 = same(inputs, 384, 1)
        self.branch3x3_2a = same(384, 384, (1, 3))
        self.branch3x3_2b = same(384, 384, (3, 1))
        self.branch3x3stack_1 = same(inputs, 448, 1)
        self.branch3x3stack_2 = same(448, 384, 3)
        self.branch3x3stack_3a = same(384, 384, (1, 3))
        self.branch3x3stack_3b = same(384, 384, (3, 1))
        self.branch_pool = pooled(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        fork = self.branch3x3_1(x)
        stacked = self.branch3x3stack_2(self.branch3x3stack_1(x))
        parts = [
            self.branch1x1(x),
            self.branch3x3_2a(fork),
            self.branch3x3_2b(fork),
            self.branch3x3stack_3a(stacked),
            self.branch3x3stack_3b(stacked),
            self.branch_pool(x),
        ]
        return torch.cat(parts, 1)


class InceptionV3(nn.Module):
    """Layers: `Conv2d_1a_3x3` … `Mixed_7c`, `avgpool`, `flatten` (penultimate), `linear`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = same(3, 32, 3)
        self.Conv2d_2a_3x3 = same(32, 32, 3)
        self.Conv2d_2b_3x3 = same(32, 64, 3)
        self.Conv2d_3b_1x1 = same(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvBlock(80, 192, 3)
        self.Mixed_5b = block_a(192, 32)
        self.Mixed_5c = block_a(256, 64)
        self.Mixed_5d = block_a(288, 64)
        self.Mixed_6a = block_b(288)
        self.Mixed_6b = block_c(768, 128)
        self.Mixed_6c = block_c(768, 160)
        self.Mixed_6d = block_c(768, 160)
        self.Mixed_6e = block_c(768, 192)
        self.Mixed_7a = block_d(768)
        self.Mixed_7b = BlockE(1280)
        self.Mixed_7c = BlockE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout2d()
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(2048, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():  # they are one chain, in the order in which they were added
            x = layer(x)
        return x
