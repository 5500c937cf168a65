"""ResNet-18, VGG-16 and DenseNet-121 for 32×32 pictures.

The designs of He et al. (2016), Simonyan and Zisserman (2015) and Huang et al. (2017), with a first convolution of 3×3, no
pooling before the first block, and one linear layer at the end, as is usual on CIFAR. Weights have the names that are
usual there (`robustness`, and the paper after it). ReLUs, pools and flattening are modules, so that they can be named as
layers; they have no weights. The last pool is over the whole map, 4×4 for pictures of 32×32.
"""

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(outputs))
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        result: Tensor = self.relu2(self.bn2(self.conv2(y)) + self.shortcut(x))
        return result


class ResNet18(nn.Module):
    """Layers: `relu` (stem), `layer1` … `layer4`, `avgpool`, `flatten` (penultimate), `linear`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(512, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        result: Tensor = self.linear(self.flatten(self.avgpool(x)))
        return result


VGG16_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions before each pool."""


class VGG16(nn.Module):
    """With batch norm. Layers: `features.0` … `features.44`, `flatten` (penultimate), `classifier`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential()
        inputs = 3
        for stage in VGG16_STAGES:
            for outputs in stage:
                self.features.append(nn.Conv2d(inputs, outputs, 3, padding=1))
                self.features.append(nn.BatchNorm2d(outputs))
                self.features.append(nn.ReLU(inplace=True))
                inputs = outputs
            self.features.append(nn.MaxPool2d(2))
        self.features.append(nn.AdaptiveAvgPool2d(1))
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(inputs, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.flatten(self.features(x)))
        return result


class DenseLayer(nn.Module):
    """A bottleneck of 4 × `growth` channels, whose `growth` new channels stand before those that came in."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv2(self.relu2(self.bn2(self.conv1(self.relu1(self.bn1(x))))))
        return torch.cat([new, x], 1)


class Transition(nn.Module):
    """Half the channels, half the size."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.pool(self.conv(self.relu(self.bn(x))))
        return result


class DenseNet121(nn.Module):
    """Layers: `conv1`, `dense1`, `trans1` … `dense4`, `relu`, `avgpool`, `flatten` (penultimate), `linear`."""

    growth = 32
    blocks = (6, 12, 24, 16)

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        channels = 2 * self.growth
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        for number, n_layers in enumerate(self.blocks, 1):
            layers = [DenseLayer(channels + i * self.growth, self.growth) for i in range(n_layers)]
            self.add_module(f"dense{number}", nn.Sequential(*layers))
            channels += n_layers * self.growth
            if number < len(self.blocks):
                self.add_module(f"trans{number}", Transition(channels))
                channels //= 2
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(channels, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():  # they are one chain, in the order in which they were added
            x = layer(x)
        return x
