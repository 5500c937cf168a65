"""Layers by name, read in one pass that ends with the last of them, on networks of every kind that is offered."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models as torchvision_models

from generator import models
from generator.errors import GeneratorError
from generator.models.base import Preprocessed, freeze
from generator.representation import Layer, Layers, layer_table, stages_after
from tests.generator.nets import Linear, Raising

RNG = torch.Generator().manual_seed(0)

HALF = (0.5, 0.5, 0.5)


def pictures(size: int, n: int = 2) -> Tensor:
    return torch.rand((n, 3, size, size), generator=RNG)


@pytest.fixture(scope="module")
def resnet() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    network = torchvision_models.resnet18(num_classes=5)
    return freeze(Preprocessed(network, 32, HALF, HALF)), network


class Block(nn.Module):
    """Everything that makes reading hard: a module called twice, an addition and a ReLU in place, a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.split = Split()
        self.head = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        y = self.conv2(x)
        y += x
        y = self.relu(y)
        left, _ = self.split(y)
        result: Tensor = self.head(left)
        return result


class Split(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = x.mean((2, 3))
        return pooled[:, :2], pooled[:, 2:]


@pytest.fixture
def block() -> Block:
    torch.manual_seed(1)
    return freeze(Block())  # type: ignore[return-value]


def test_nothing_behind_the_last_layer_is_computed() -> None:
    network = Linear(torch.rand((3, 12), generator=RNG))
    network.after = Raising()
    found = Layers(network, network, ["map", "flatten"])(pictures(2))
    assert list(found) == ["map", "flatten"]
    assert torch.equal(found["flatten"], found["flatten"].flatten(1))
    with pytest.raises(AssertionError, match="after the chosen one"):
        Layers(network, network, ["after"])(pictures(2))


def test_what_is_overwritten_later_is_read_as_it_was(block: Block) -> None:
    images = pictures(6)
    first = block.conv1(images)
    second = block.conv2(functional.relu(first))
    found = Layers(block, block, ["conv1", "conv2", "relu", "split:1", "head"])(images)
    assert torch.equal(found["conv1"], first)
    assert torch.equal(found["conv2"], second)
    assert torch.equal(found["relu"], functional.relu(first))  # its first call
    final = functional.relu(second + functional.relu(first)).mean((2, 3))
    assert torch.allclose(found["split:1"], final[:, 2:])
    assert torch.allclose(found["head"], block(images))


def test_nodes_of_the_graph_beside_modules(block: Block) -> None:
    images = pictures(6)
    module = freeze(Preprocessed(block, 6, HALF, (0.25, 0.25, 0.25)))
    normalized = (images - 0.5) / 0.25
    first = block.conv1(normalized)
    added = block.conv2(functional.relu(first)) + functional.relu(first)
    found = Layers(module, block, ["add", "conv1", "relu_1"])(images)
    assert torch.allclose(found["add"], added)
    assert torch.allclose(found["conv1"], first)
    assert torch.allclose(found["relu_1"], functional.relu(added))


def test_a_node_inside_a_block_of_a_known_network(resnet: tuple[nn.Module, nn.Module]) -> None:
    module, network = resnet
    images = pictures(32)
    names = ["layer4.1.add", "layer4.1", "layer4", "layer1.0.bn1", "fc"]
    together = Layers(module, network, names)(images)
    for name in names:
        assert torch.equal(together[name], Layers(module, network, [name])(images)[name])
    assert torch.equal(together["layer4.1.add"].relu(), together["layer4"])
    assert (together["layer4.1.add"] < 0).any()


def test_layers_have_their_gradient_and_can_be_copied(resnet: tuple[nn.Module, nn.Module]) -> None:
    images = pictures(32, 1).requires_grad_()
    for names in (["layer2"], ["layer2.0.add"]):
        layers = Layers(*resnet, names)
        (expected,) = torch.autograd.grad(layers(images)[names[0]].sum(), images)
        for other in (copy.deepcopy(layers), pickle.loads(pickle.dumps(layers))):
            (gradient,) = torch.autograd.grad(other(images)[names[0]].sum(), images)
            assert torch.equal(gradient, expected)


def test_tokens_of_a_transformer() -> None:
    torch.manual_seed(0)
    built = models.build("timm", "test_vit")
    images = pictures(built.input_size, 1)
    names = ["blocks.1:cls", "blocks.1:tokens", "blocks.1:mean", "blocks.1"]
    found = Layers(built.module, built.network, names)(images)
    whole = found["blocks.1"]
    assert whole.dim() == 3
    assert torch.equal(found["blocks.1:cls"], whole[:, 0])
    assert torch.equal(found["blocks.1:tokens"], whole[:, 1:])
    assert torch.allclose(found["blocks.1:mean"], whole.mean(1))
    with pytest.raises(GeneratorError, match="gives no single tensor"):
        Layers(built.module, built.network, ["head:cls"])(images)  # (batch, classes) has no tokens


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("layer9", "there is no layer 'layer9' in ResNet; nearest are layer"),
        ("layer4.1.ad", "layer4.1.add"),
        ("layer4:first", "'first' picks nothing; known are cls, tokens, mean and a number"),
    ],
)
def test_names_that_there_are_not(name: str, said: str, resnet: tuple[nn.Module, nn.Module]) -> None:
    with pytest.raises(GeneratorError, match=said):
        Layers(*resnet, [name])


def test_layers_that_give_no_tensor(block: Block, resnet: tuple[nn.Module, nn.Module]) -> None:
    for network, name in ((block, "split"), (block, "split:2"), (block, "head:0"), (resnet[0], "layer1:cls")):
        with pytest.raises(GeneratorError, match="gives no single tensor"):
            Layers(network, block if network is block else resnet[1], [name])(pictures(32))


def test_one_layer_alone_is_flat(resnet: tuple[nn.Module, nn.Module]) -> None:
    assert Layer(*resnet, "layer4")(pictures(32, 3)).shape == (3, 512)


class ByHand(nn.Module):
    """Two ReLUs, the last written in one of the ways in which networks write it."""

    def __init__(self, last: str) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 8), nn.Linear(8, 6)
        self.relu, self.inside = nn.ReLU(), nn.ReLU(inplace=True)
        self.out, self.last = nn.Identity(), last

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x.flatten(1))))
        ways = {
            "module": self.relu,
            "module in place": self.inside,
            "function": functional.relu,
            "function in place": lambda values: functional.relu(values, inplace=True),
            "named": lambda values: functional.relu(input=values),
            "torch": torch.relu,
            "torch in place": torch.relu_,
            "method": lambda values: values.relu(),
            "method in place": lambda values: values.relu_(),
        }
        result: Tensor = self.out(ways[self.last](y))
        return result


WAYS = ["module", "function", "torch", "method"]


@pytest.mark.parametrize("way", [*WAYS, *(f"{way} in place" for way in WAYS), "named"])
def test_the_gradient_past_the_last_relu_is_that_of_the_formula(way: str) -> None:
    torch.manual_seed(2)
    network = ByHand(way)
    freeze(network)
    images = pictures(2).requires_grad_()
    weights = torch.rand((2, 6), generator=RNG)
    true, passing = (Layers(network, network, ["out"], relu)(images)["out"] for relu in ("true", "identity"))
    first = network.first(images.flatten(1))
    second = network.second(first.relu())
    assert torch.equal(passing, true)
    assert torch.equal(passing, second.relu())
    assert (second < 0).any()
    (gradient,) = torch.autograd.grad((passing * weights).sum(), images)
    behind_first = (weights @ network.second.weight) * (first > 0)  # nothing is lost at the second ReLU
    assert torch.allclose(gradient, (behind_first @ network.first.weight).view_as(images), atol=1e-6)


class Discarding(nn.Module):
    """Keeps the tensor that a ReLU has changed in place, not what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.relu, self.out = nn.Linear(12, 6), nn.ReLU(inplace=True), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.map(x.flatten(1))
        self.relu(y)
        result: Tensor = self.out(y)
        return result


def test_a_relu_in_place_still_changes_its_input() -> None:
    torch.manual_seed(3)
    network = Discarding()
    freeze(network)
    images = pictures(2).requires_grad_()
    found = Layers(network, network, ["out"], "identity")(images)["out"]
    assert torch.equal(found, network(images))
    (gradient,) = torch.autograd.grad(found.sum(), images)
    assert torch.allclose(gradient.flatten(1), network.map.weight.sum(0).expand(2, -1), atol=1e-6)


NETWORKS = {
    "torchvision resnet18": ("torchvision", "resnet18", "avgpool", 64),
    "torchvision resnet50": ("torchvision", "resnet50", "layer4.2.add", 64),
    "torchvision vgg16": ("torchvision", "vgg16", "features", 32),
    "torchvision densenet121": ("torchvision", "densenet121", "features.denseblock2", 32),
    "torchvision inception_v3": ("torchvision", "inception_v3", "Mixed_5b", 75),
    "timm resnet18": ("timm", "resnet18", "global_pool", 64),
    "small_resnet": ("small_resnet", "small_resnet", "flatten", 32),
    "cifar resnet18": ("cifar", "resnet18", "flatten", 32),
    "cifar densenet121": ("cifar", "densenet121", "flatten", 32),
    "cifar vgg16": ("cifar", "vgg16", "flatten", 32),
    "cifar inception_v3": ("cifar", "inception_v3", "Mixed_5b", 32),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_relu_lets_gradients_pass_on_every_architecture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against torch's two functions that compute every ReLU, the last call written as x + (relu(x) − x) with what is in
    brackets held constant."""
    family, architecture, layer, size = NETWORKS[name]
    torch.manual_seed(4)
    built = models.build(family, architecture, input_size=size)
    for module in built.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.fill_(1)  # timm begins with zeros, behind which nothing is negative
    images = pictures(size, 1).requires_grad_()
    relu = torch.relu

    def gradient(layers: Layers) -> tuple[Tensor, Tensor]:
        found = layers(images)[layer]
        return found.detach(), torch.autograd.grad(found.sum(), images)[0]

    def compute(straight: int) -> tuple[Tensor, Tensor, int]:
        calls = 0

        def written(values: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return values + (relu(values) - values).detach() if calls == straight else relu(values)

        with monkeypatch.context() as patched:
            patched.setattr(torch, "relu", written)
            patched.setattr(torch, "relu_", written)
            return *gradient(Layers(built.module, built.network, [layer])), calls

    true, cut, n_relus = compute(straight=0)
    _, expected, _ = compute(straight=n_relus)
    found, passed = gradient(Layers(built.module, built.network, [layer], "identity"))
    assert torch.equal(found, true)
    assert torch.allclose(passed / expected.abs().max(), expected / expected.abs().max(), atol=1e-4)
    assert (passed - cut).abs().max() > 1e-3 * cut.abs().max()


def test_no_relu_to_pass(resnet: tuple[nn.Module, nn.Module]) -> None:
    with pytest.raises(GeneratorError, match="there is no ReLU up to this layer"):
        Layers(*resnet, ["bn1"], "identity")(pictures(32))


@pytest.mark.parametrize(
    ("layer", "stages"),
    [
        ("conv1", ["bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]),
        ("layer2.0.conv1", ["layer2", "layer3", "layer4", "avgpool", "fc"]),
        ("layer4.1.add", ["layer4", "avgpool", "fc"]),
        ("avgpool", ["fc"]),
        ("flatten", ["fc"]),
        ("fc", []),
    ],
)
def test_later_stages(layer: str, stages: list[str]) -> None:
    torch.manual_seed(0)
    built = models.build("torchvision", "resnet18", n_classes=5, input_size=64)
    assert stages_after(built.module, built.network, layer, pictures(64, 1)) == stages


def test_a_stage_that_hands_on_what_it_gets_is_none() -> None:
    built = models.build("small_resnet", "small_resnet")
    assert stages_after(built.module, built.network, "layer3", pictures(32, 1)) == ["layer4", "avgpool", "fc"]
    built = models.build("timm", "test_vit")
    found = stages_after(built.module, built.network, "blocks.0:cls", pictures(160, 1))
    assert found == ["blocks", "norm", "fc_norm", "head"]  # and no dropout


def test_the_table_of_layers() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Split(), Left(), nn.Linear(2, 4))
    rows = {row.name: row for row in layer_table(network, network, pictures(6, 1))}
    assert list(rows) == ["0", "1", "2:0", "2:1", "3", "4"]
    assert rows["0"].shape == (8, 6, 6)
    assert rows["0"].units == 288
    assert rows["2:1"].shape == (6,)
    convolution, linear = 8 * 6 * 6 * 3 * 9, 2 * 4
    assert rows["1"].share == pytest.approx(convolution / (convolution + linear))
    assert rows["4"].share == 1


class Left(nn.Module):
    def forward(self, parts: tuple[Tensor, Tensor]) -> Tensor:
        return parts[0]


def test_a_transformers_attention_counts() -> None:
    """A fused kernel, whose operations are not counted, must not take its place: blocks are alike and so are their shares."""
    torch.manual_seed(0)
    built = models.build("torchvision", "vit_b_16", input_size=32)
    rows = {row.name: row.share for row in layer_table(built.module, built.network, pictures(32, 1))}
    blocks = [rows[f"encoder.layers.encoder_layer_{i}"] for i in range(12)]
    steps = torch.tensor(blocks).diff()
    assert torch.allclose(steps, steps[0].expand(11), atol=1e-4)
    tokens, width = 5, 768
    attention, mlp = 4 * tokens * width**2 + 2 * tokens**2 * width, 8 * tokens * width**2
    first = rows["encoder.layers.encoder_layer_0.self_attention:0"] - rows["encoder.layers.encoder_layer_0.ln_1"]
    assert first / float(steps[0]) == pytest.approx(attention / (attention + mlp), rel=1e-3)
