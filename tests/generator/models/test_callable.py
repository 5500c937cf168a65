"""A researcher's own module, written into a folder as a researcher would."""

import sys
from pathlib import Path

import pytest
import torch

from generator.errors import GeneratorError
from generator.models import build

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    is_classifier = {is_classifier}

    def __init__(self, n_classes=3):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, n_classes)

    def forward(self, images):
        return self.head(self.conv(images).mean((2, 3)))

def fixed():
    return Net()

def raising():
    raise RuntimeError("no weights\\nin this folder")

def number():
    return 3

class Holder:
    make = Net

constant = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its name; a new one each time, as a module is imported once."""
    name = f"net_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE.format(is_classifier=False))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return name


def test_images_are_handed_on_as_they_are(module: str) -> None:
    torch.manual_seed(0)
    built = build("callable", f"{module}:Net")
    images = torch.rand((2, 3, 9, 11), requires_grad=True)
    scores = built.module(images)
    assert torch.equal(scores, built.network(images))
    assert not any(parameter.requires_grad for parameter in built.network.parameters())
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    assert (gradient != 0).any()
    sized = build("callable", f"{module}:Net", input_size=16, normalization="imagenet")
    assert sized.input_size == 16
    assert not torch.equal(sized.module(images), sized.network(images))


def test_whether_it_names_classes_is_for_its_author_to_say(module: str) -> None:
    assert not build("callable", f"{module}:Net").is_classifier
    built = build("callable", f"{module}:Net", n_classes=5)
    assert built.is_classifier
    assert built.module(torch.rand(1, 3, 8, 8)).shape == (1, 5)
    assert build("callable", f"{module}:fixed", n_classes=3).is_classifier
    assert build("callable", f"{module}:Holder.make").network is not None


def test_it_is_known_by_weights_and_code(module: str, tmp_path: Path) -> None:
    def digest(seed: int, name: str) -> str | None:
        torch.manual_seed(seed)
        return build("callable", f"{name}:Net").weights_sha256

    assert digest(0, module) == digest(0, module) != digest(1, module)
    (tmp_path / f"{module}_too.py").write_text(SOURCE.format(is_classifier=True))
    assert digest(0, module) != digest(0, f"{module}_too")
    assert build("callable", f"{module}_too:Net").is_classifier


def test_a_checkpoint(module: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("callable", f"{module}:Net").network
    torch.save({"model": {f"module.{key}": value for key, value in network.state_dict().items()}}, tmp_path / "net.pt")
    torch.manual_seed(1)
    built = build("callable", f"{module}:Net", checkpoint=tmp_path / "net.pt")
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(built.module(images), network(images))


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        ("{module}", "callable has no model"),
        ("no_such_module_anywhere:Net", "cannot be imported \\(ModuleNotFoundError"),
        ("{module}:Nett", "has no Nett"),
        ("{module}:constant", "is a int; expected a callable"),
        ("{module}:number", "returned a int; expected an nn.Module"),
        ("{module}:raising", "failed \\(RuntimeError: no weights\\)$"),
    ],
)
def test_what_is_no_network(architecture: str, said: str, module: str) -> None:
    with pytest.raises(GeneratorError, match=said):
        build("callable", architecture.format(module=module))
    with pytest.raises(GeneratorError, match="load them in it, or give a checkpoint"):
        build("callable", f"{module}:Net", "DEFAULT")
