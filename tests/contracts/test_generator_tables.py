"""Every member of the generator's tables keeps the promises of its Protocol."""

import pickle
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import models

from generator.alternatives import Wanted, choose
from generator.inversion import Network, Objective, Search, Seen, State, Statistics, Term, invert
from generator.losses import LOSSES
from generator.models import FAMILIES, family
from generator.optimizers import OPTIMIZERS
from generator.parameterizations import PARAMETERIZATIONS
from generator.proof import GATES
from generator.proof.yardstick import YARDSTICKS
from generator.starts import STARTS
from generator.store import Distribution
from generator.targets import TARGET_SETS, Target
from generator.transforms import TRANSFORMS

RNG = torch.Generator().manual_seed(0)
REPRESENTING = ("relative_l2", "centred_l2", "cosine", "per_unit", "gram")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    torch.manual_seed(0)
    torch.save(models.alexnet(weights=None).state_dict(), path)
    return path


def make_loss(name: str, backbone: Path) -> Any:
    return LOSSES[name](**({"backbone": backbone} if name == "lpips" else {}))  # type: ignore[call-arg]


def state(image: torch.Tensor, target: torch.Tensor) -> State:
    ones = torch.ones_like(target[:1])
    return State(image, target, target.flip(0), {"here": Seen(image * 2, target * 2, ones / 2, ones)}, "here")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_one_number_an_image_and_differentiable(name: str, backbone: Path) -> None:
    image = torch.rand((3, 3, 64, 64), generator=RNG, requires_grad=True)
    loss = make_loss(name, backbone)(state(image, torch.rand((3, 3, 64, 64), generator=RNG)))
    assert loss.shape == (3,)
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    assert torch.isfinite(gradient).all()
    assert (gradient.flatten(1).norm(dim=1) > 0).all()


@pytest.mark.parametrize("name", [*REPRESENTING, "lpips"])
def test_a_match_is_no_loss(name: str, backbone: Path) -> None:
    image = torch.rand((2, 3, 64, 64), generator=RNG, requires_grad=True)
    loss = make_loss(name, backbone)(state(image, image.detach().clone()))
    assert loss.tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    assert torch.isfinite(gradient).all()


SETTINGS: dict[str, dict[str, Any]] = {
    "paper": {"steps": 2000, "step_size": 0.01},
    "metamer": {"steps": 2000, "step_size": 0.2},
    "adam": {"steps": 400, "lr": 0.02},
    "momentum": {"steps": 400},
    "lbfgs": {"steps": 400},
}


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_reach_what_can_be_reached(name: str, parameterization: str) -> None:
    target, start = torch.rand((2, 3, 4, 4), generator=RNG), torch.rand((2, 3, 4, 4), generator=RNG)
    optimizer = OPTIMIZERS[name](**SETTINGS[name])  # type: ignore[call-arg]

    def represent(images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"here": images}

    mean = target.mean(0, keepdim=True)
    network = Network(represent, represent, "here", {"here": Statistics(mean, torch.ones_like(mean))})
    search = Search(optimizer, PARAMETERIZATIONS[parameterization]())
    objective = Objective((Term(LOSSES["relative_l2"]()),))
    found = invert(network, objective, search, target, start, torch.full((2, 1), 0.03), 2)
    assert [each.error <= 0.03 for each in found] == [True, True]
    assert all(0 <= each.image.min() <= each.image.max() <= 1 for each in found)
    assert repr(optimizer).startswith(type(optimizer).__name__)  # its fields are provenance


@pytest.mark.parametrize(
    "member",
    [
        *LOSSES.values(),
        *OPTIMIZERS.values(),
        *TRANSFORMS.values(),
        *PARAMETERIZATIONS.values(),
        *TARGET_SETS.values(),
        *{type(start) for start in STARTS.values()},
    ],
    ids=lambda member: member.__name__,
)
def test_members_are_frozen_values_with_a_docstring(member: type) -> None:
    assert is_dataclass(member)
    assert member.__dataclass_params__.frozen
    assert member.__doc__
    assert all(setting.init for setting in fields(member))


@pytest.mark.parametrize("name", STARTS)
def test_starts_are_of_the_targets_size(name: str) -> None:
    other = np.zeros((12, 17, 3), np.uint8)
    assert STARTS[name].draw(12, 17, np.random.default_rng(0), [other]).shape == (12, 17, 3)


@pytest.mark.parametrize("name", GATES)
def test_gates_say_why(name: str) -> None:
    null = {
        measure: Distribution(n=2, quantiles={"0": 0.1, "1": 0.2, "100": 0.6})
        for measure in ("relative", "centred", "pearson", "spearman", "snr_db")
    }
    good = {"representation_error": 0.01, "pearson": 0.99, "spearman": 0.99, "snr_db": 40.0, "class_kept": 1.0}
    good |= {f"error_{yardstick}": 0.02 for yardstick in YARDSTICKS}
    assert GATES[name].judge(good, 0.1, null) == ()
    bad = {"representation_error": 0.5, "pearson": 0.1, "spearman": 0.1, "snr_db": 0.0, "class_kept": 0.0}
    bad |= {"predicted_class": 1.0, "predicted_class_target": 2.0}
    bad |= {f"error_{yardstick}": 0.1 for yardstick in YARDSTICKS}
    reasons = GATES[name].judge(bad, 0.1, null)
    assert reasons
    assert all(any(letter.isdigit() for letter in reason) for reason in reasons if "class" not in reason)


@pytest.mark.parametrize("kind", ["same_class", "nearest", "other_class"])
def test_alternatives_never_show_the_targets_own_source_picture(kind: str) -> None:
    rng = np.random.default_rng(0)
    targets = [
        Target(f"t{i}", rng.integers(0, 256, (12, 12, 3), dtype=np.uint8), f"c{i // 2}", label=str(i % 2))
        for i in range(8)
    ]
    for i, foils in enumerate(choose(targets, [Wanted(kind, "pixel_l2" if kind == "nearest" else None)], 0)):  # type: ignore[arg-type]
        (foil,) = foils
        assert targets[foil.target].cluster != targets[i].cluster
        assert foil.kind == kind


EXAMPLES = {
    "small_resnet": ("small_resnet", 32),
    "torchvision": ("resnet18", 64),
    "timm": ("resnet10t", 64),
    "open_clip": ("RN50", 224),
    "cifar": ("resnet18", 32),
    "callable": ("tests.generator.nets:make_own", 32),
    "control": ("greyscale", 32),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_take_pictures_of_any_size_and_give_their_gradient(name: str) -> None:
    architecture, size = EXAMPLES[name]
    found = family(name)
    assert found.name == name
    assert found.knows(architecture)
    built = found.build(architecture, None, None, None)
    assert built.weights_sha256 is None or name == "callable"  # whose weights nobody else knows
    assert not built.module.training
    assert not any(parameter.requires_grad for parameter in built.module.parameters())
    for side in (size, size + 8):
        images = torch.rand((1, 3, side, side), generator=RNG, requires_grad=True)
        (gradient,) = torch.autograd.grad(built.module(images).sum(), images)
        assert gradient.shape == images.shape
        assert (gradient != 0).any()
    assert pickle.loads(pickle.dumps(found)).name == name
