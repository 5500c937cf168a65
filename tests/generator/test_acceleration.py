import copy
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models

from generator.acceleration import accelerate, computes_bf16
from generator.models import BuiltModel
from generator.models.base import Preprocessed, freeze
from generator.models.small_resnet import INPUT_SIZE, SmallResNet, preprocessed
from generator.representation import Layers
from tests.generator.parts import pictures


def lived(network: nn.Module) -> nn.Module:
    """Batch norms that do something: statistics and weights of their own."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_var, module.weight):
                tensor.data.copy_(0.5 + torch.rand(tensor.shape, generator=generator))  # type: ignore[union-attr]
            for tensor in (module.running_mean, module.bias):
                tensor.data.copy_(0.2 * torch.randn(tensor.shape, generator=generator))  # type: ignore[union-attr]
    return network


def small() -> BuiltModel:
    torch.manual_seed(0)
    network = lived(SmallResNet(4))
    return BuiltModel(freeze(preprocessed(network)), network, INPUT_SIZE, None)


def of_torchvision(name: str, **options: object) -> BuiltModel:
    torch.manual_seed(0)
    network = lived(torchvision_models.get_model(name, weights=None, **options))
    return BuiltModel(freeze(Preprocessed(network, 64, (0.5,) * 3, (0.25,) * 3)), network, 64, None)


def gradient(represent: object, images: Tensor, name: str) -> Tensor:
    z = images.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(represent(z)[name].square().sum(), z)  # type: ignore[operator]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(
    "names",
    [
        ["flatten"],
        ["layer2.conv1", "layer4"],  # the convolution itself is asked for: it may not take the norm in
        ["layer1.bn1"],
        ["stem.0", "layer1"],
        ["stem", "layer3", "fc"],
    ],
)
@pytest.mark.parametrize("relu", ["true", "identity"])
def test_float32_is_the_same_function(names: Sequence[str], relu: str) -> None:
    built, images = small(), pictures(3, 1, size=INPUT_SIZE)
    exact, fast = Layers(built.module, built.network, names, relu), accelerate(built, names, relu)  # type: ignore[arg-type]
    ours, theirs = fast(images), exact(images)
    assert list(ours) == list(theirs)
    for name in names:
        assert ours[name].shape == theirs[name].shape
        assert difference(ours[name], theirs[name]) < 1e-5
        assert difference(gradient(fast, images, name), gradient(exact, images, name)) < 1e-4


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("densenet121", ["features.norm5", "features.conv0"]),
        ("shufflenet_v2_x0_5", ["stage3", "conv5"]),
        ("mobilenet_v2", ["features.3.conv", "features.18"]),
        ("resnet18", ["layer1.0.add", "avgpool"]),  # a node of the graph, not a module
    ],
)
def test_other_architectures_too(architecture: str, names: Sequence[str]) -> None:
    built, images = of_torchvision(architecture), pictures(2, 1, size=64)
    ours, theirs = accelerate(built, names)(images), Layers(built.module, built.network, names)(images)
    low = accelerate(built, names, dtype=torch.bfloat16)(images)
    for name in names:
        assert difference(ours[name], theirs[name]) < 1e-4
        assert low[name].dtype == torch.float32
        assert 0 < difference(low[name], theirs[name]) < 0.1


@pytest.mark.parametrize("size", [32, 33, 47])
@pytest.mark.parametrize(("kernel", "padding"), [(7, 3), (3, 1), (3, 0), (5, 0), (1, 0)])
def test_a_first_convolution_on_blocks_is_the_same_convolution(size: int, kernel: int, padding: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, kernel, 2, padding), nn.ReLU())
    built = BuiltModel(freeze(nn.Sequential(network)), network, size, None)
    images = pictures(2, 1, size=size)
    fast, exact = accelerate(built, ["0"]), Layers(built.module, network, ["0"])
    assert fast(images)["0"].shape == exact(images)["0"].shape
    assert difference(fast(images)["0"], exact(images)["0"]) < 1e-5
    assert difference(gradient(fast, images, "0"), gradient(exact, images, "0")) < 1e-5


def test_bfloat16_is_near_and_given_back_as_float32() -> None:
    built, images = small(), pictures(3, 1, size=INPUT_SIZE)
    names = ["layer1", "flatten"]
    fast, exact = accelerate(built, names, "true", torch.bfloat16), Layers(built.module, built.network, names)
    for name in names:
        assert fast(images)[name].dtype == torch.float32
        assert 1e-5 < difference(fast(images)[name], exact(images)[name]) < 0.03
        slope = gradient(fast, images, name)
        assert slope.dtype == torch.float32
        assert difference(slope, gradient(exact, images, name)) < 0.1


def test_a_transformer_computes_in_bfloat16() -> None:
    built = _small_transformer()
    images = pictures(2, 1, size=32)
    names = ["encoder.layers.encoder_layer_1"]
    low, exact = (
        accelerate(built, names, dtype=torch.bfloat16)(images),
        Layers(built.module, built.network, names)(images),
    )
    assert 0 < difference(low[names[0]], exact[names[0]]) < 0.05


def _small_transformer() -> BuiltModel:
    torch.manual_seed(0)
    network = torchvision_models.VisionTransformer(32, 8, 2, 4, 64, 128)
    return BuiltModel(freeze(Preprocessed(network, 32, (0.5,) * 3, (0.25,) * 3)), network, 32, None)


def test_the_network_itself_stays_as_it_is() -> None:
    built = small()
    before = copy.deepcopy(built.module.state_dict())
    accelerate(built, ["flatten"], dtype=torch.bfloat16)(pictures(1, 1, size=INPUT_SIZE))
    after = built.module.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert isinstance(built.network.get_submodule("layer1.bn1"), nn.BatchNorm2d)


def test_a_network_that_cannot_be_traced_is_left_whole() -> None:
    class Branching(SmallResNet):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.mean() > -100 else -x)

    torch.manual_seed(0)
    network = lived(Branching(4))
    built, images = (
        BuiltModel(freeze(preprocessed(network)), network, INPUT_SIZE, None),
        pictures(2, 1, size=INPUT_SIZE),
    )
    exact = Layers(built.module, built.network, ["flatten"])(images)["flatten"]
    assert difference(accelerate(built, ["flatten"])(images)["flatten"], exact) < 1e-5


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler looks at it
def test_compiled_it_is_the_same_function() -> None:
    built, images = small(), pictures(2, 1, size=INPUT_SIZE)
    fast, exact = accelerate(built, ["layer1"], backend="eager"), Layers(built.module, built.network, ["layer1"])
    assert difference(fast(images)["layer1"], exact(images)["layer1"]) < 1e-5
    assert difference(gradient(fast, images, "layer1"), gradient(exact, images, "layer1")) < 1e-4


def test_bfloat16_in_hardware_is_known_by_device() -> None:
    assert computes_bf16(torch.device("cpu")) == ("avx512_bf16" in Path("/proc/cpuinfo").read_text())
    assert not computes_bf16(torch.device("meta"))
