"""The paper's CIFAR networks, against independent statements of their designs."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models as torchvision_models

from generator.errors import GeneratorError
from generator.models import build

RNG = torch.Generator().manual_seed(0)

N_PARAMETERS = {"resnet18": 11_173_962, "vgg16": 14_728_266, "densenet121": 6_956_298}
"""Of the usual CIFAR designs, for ten classes, as their authors and users state them."""


def random_norms(network: nn.Module) -> dict[str, Tensor]:
    """Batch norms as after training, so that a wrong order would show."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                assert isinstance(values, Tensor)
                values.data.uniform_(0.5, 1.5, generator=RNG)
            module.bias.data.uniform_(-0.5, 0.5, generator=RNG)
    return network.state_dict()


def norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    values = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return functional.batch_norm(x, *values)


def conv(state: dict[str, Tensor], name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    return functional.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding)


def resnet18(state: dict[str, Tensor], x: Tensor) -> Tensor:
    x = norm(state, "bn1", conv(state, "conv1", x)).relu()
    for layer in range(1, 5):
        for block in range(2):
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = norm(state, f"{name}.bn1", conv(state, f"{name}.conv1", x, stride)).relu()
            y = norm(state, f"{name}.bn2", conv(state, f"{name}.conv2", y))
            if stride == 2:
                x = norm(
                    state, f"{name}.shortcut.1", functional.conv2d(x, state[f"{name}.shortcut.0.weight"], stride=2)
                )
            x = (y + x).relu()
    return functional.linear(functional.avg_pool2d(x, 4).flatten(1), state["linear.weight"], state["linear.bias"])


def densenet121(state: dict[str, Tensor], x: Tensor) -> Tensor:
    x = conv(state, "conv1", x)
    for block, n_layers in enumerate((6, 12, 24, 16), 1):
        for layer in range(n_layers):
            name = f"dense{block}.{layer}"
            y = conv(state, f"{name}.conv1", norm(state, f"{name}.bn1", x).relu())
            x = torch.cat([conv(state, f"{name}.conv2", norm(state, f"{name}.bn2", y).relu()), x], 1)
        if block < 4:
            name = f"trans{block}"
            x = functional.avg_pool2d(conv(state, f"{name}.conv", norm(state, f"{name}.bn", x).relu()), 2)
    x = functional.avg_pool2d(norm(state, "bn", x).relu(), 4).flatten(1)
    return functional.linear(x, state["linear.weight"], state["linear.bias"])


def vgg16(state: dict[str, Tensor], x: Tensor) -> Tensor:
    place = 0
    for n_convolutions in (2, 2, 3, 3, 3):
        for _ in range(n_convolutions):
            x = norm(state, f"features.{place + 1}", conv(state, f"features.{place}", x)).relu()
            place += 3
        x = functional.max_pool2d(x, 2)
        place += 1
    return functional.linear(x.flatten(1), state["classifier.weight"], state["classifier.bias"])


@pytest.mark.parametrize("formula", [resnet18, densenet121, vgg16])
def test_networks_compute_what_their_design_says(formula: object) -> None:
    assert callable(formula)
    name = formula.__name__  # type: ignore[attr-defined]
    torch.manual_seed(0)
    built = build("cifar", name)
    state = random_norms(built.network)
    assert sum(parameter.numel() for parameter in built.network.parameters()) == N_PARAMETERS[name]
    images = torch.rand((2, 3, 32, 32), generator=RNG)
    assert torch.allclose(built.network(images), formula(state, images), rtol=1e-3, atol=1e-5)


def test_inception_is_torchvisions_but_for_what_cifar_changes() -> None:
    """Blocks that the usual CIFAR variant leaves as they are give what torchvision's give, weights put over by hand."""
    torch.manual_seed(0)
    network = build("cifar", "inception_v3").network
    random_norms(network)
    reference = torchvision_models.inception_v3(init_weights=False, aux_logits=False).eval()
    ours, theirs = network.get_submodule("Mixed_7b"), reference.Mixed_7b
    names = {
        "branch1x1": "branch1x1",
        "branch3x3_1": "branch3x3_1",
        "branch3x3_2a": "branch3x3_2a",
        "branch3x3_2b": "branch3x3_2b",
        "branch3x3stack_1": "branch3x3dbl_1",
        "branch3x3stack_2": "branch3x3dbl_2",
        "branch3x3stack_3a": "branch3x3dbl_3a",
        "branch3x3stack_3b": "branch3x3dbl_3b",
        "branch_pool.1": "branch_pool",
    }
    for mine, other in names.items():
        theirs.get_submodule(other).load_state_dict(ours.get_submodule(mine).state_dict())
        theirs.get_submodule(other).bn.eps = 1e-5
    x = torch.rand((1, 1280, 6, 6), generator=RNG)
    assert torch.allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_inceptions_maps() -> None:
    network = build("cifar", "inception_v3").network
    sizes: dict[str, tuple[int, ...]] = {}
    for name, child in network.named_children():
        child.register_forward_hook(lambda _m, _i, out, name=name: sizes.update({name: tuple(out.shape[1:])}))
    network(torch.rand((1, 3, 32, 32), generator=RNG))
    assert sizes["Conv2d_4a_3x3"] == (192, 30, 30)
    assert sizes["Mixed_5d"] == (288, 30, 30)
    assert sizes["Mixed_6e"] == (768, 14, 14)
    assert sizes["Mixed_7c"] == (2048, 6, 6)
    assert sizes["flatten"] == (2048,)
    assert sizes["linear"] == (10,)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vgg16", "inception_v3"])
def test_colours_classes_and_sizes(name: str) -> None:
    torch.manual_seed(0)
    built = build("cifar", name, n_classes=7)
    images = torch.rand((1, 3, 32, 32), generator=RNG, requires_grad=True)
    scores = built.module(images)
    assert scores.shape == (1, 7)
    assert built.is_classifier
    mean, std = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2023, 0.1994, 0.2010])
    assert torch.equal(scores, built.network((images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)))
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    assert (gradient != 0).any()
    with pytest.raises(GeneratorError, match="32 pixels at least, not 16"):
        build("cifar", name, input_size=16)
    with pytest.raises(GeneratorError, match="give a checkpoint file"):
        build("cifar", name, "DEFAULT")
