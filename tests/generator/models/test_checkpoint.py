"""Weights come back from every format in which they are passed around, and nothing in a file runs."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from generator.errors import GeneratorError
from generator.models import build
from generator.models.base import Preprocessed
from generator.models.checkpoint import load_checkpoint
from generator.models.weights import file_sha256

RNG = torch.Generator().manual_seed(0)

MEAN, STD = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])


class Net(nn.Module):
    """Small, with a module whose name is also a wrapper's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.model = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(self.bn(self.conv(x)).mean((2, 3)))
        return result


def original() -> dict[str, Tensor]:
    torch.manual_seed(7)
    return Net().state_dict()


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return OrderedDict((f"{prefix}{name}", tensor) for name, tensor in state.items())


def attacked(prefix: str) -> dict[str, Tensor]:
    """The state dict of robustness' attacked network: a normalizer, the network, an attacker with its own copies."""
    normalizer = {"new_mean": MEAN.view(3, 1, 1), "new_std": STD.view(3, 1, 1)}
    return {
        **under(f"{prefix}normalizer.", normalizer),
        **under(f"{prefix}model.", original()),
        **under(f"{prefix}attacker.normalize.", normalizer),
        **under(f"{prefix}attacker.model.", original()),
    }


FORMATS: dict[str, Callable[[], Any]] = {
    "plain": original,
    "data parallel": lambda: under("module.", original()),
    "compiled": lambda: under("_orig_mod.", original()),
    "lightning": lambda: {"state_dict": under("model.", original()), "epoch": 3},
    "under net": lambda: {"net": under("module.", original()), "acc": 93.1, "epoch": 3},
    "under model, twice": lambda: {"model": {"state_dict": original()}},
    "robustness": lambda: {
        "model": attacked("module."),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "schedule": None,
        "epoch": 150,
        "nat_prec1": np.float64(93.1),
        "adv_prec1": np.float32(71.0),
        "best": np.int64(3),
    },
    "robustness, no data parallel": lambda: attacked(""),
    "paper": lambda: {"state_dict": attacked("module.")},
    "before batches were counted": lambda: {
        name: tensor for name, tensor in original().items() if "num_batches" not in name
    },
    "half precision": lambda: {name: tensor.half() for name, tensor in original().items()},
}


@pytest.mark.parametrize("name", FORMATS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    torch.save(FORMATS[name](), tmp_path / "net.pt")
    torch.manual_seed(8)
    network = Net()
    normalization = load_checkpoint(network, tmp_path / "net.pt")
    tolerance = 1e-3 if name == "half precision" else 0
    for key, tensor in original().items():
        assert torch.allclose(network.state_dict()[key].float(), tensor.float(), rtol=tolerance, atol=tolerance), key
    if "robustness" in name or name == "paper":
        assert normalization is not None
        assert torch.allclose(torch.tensor(normalization.mean), MEAN)
        assert torch.allclose(torch.tensor(normalization.std), STD)
    else:
        assert normalization is None


def test_the_old_format_of_torch_and_safetensors(tmp_path: Path) -> None:
    torch.save(original(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(under("module.", original()), tmp_path / "net.safetensors")
    for file in ("old.pt", "net.safetensors"):
        network = Net()
        load_checkpoint(network, tmp_path / file)
        assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in original().items())


def test_a_normalizer_in_the_file_takes_the_place_of_the_familys(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = build("cifar", "resnet18").network
    state = {"module.normalizer.new_mean": MEAN.view(3, 1, 1), "module.normalizer.new_std": STD.view(3, 1, 1)}
    torch.save({"model": {**state, **under("module.model.", network.state_dict())}}, tmp_path / "net.pt")
    built = build("cifar", "resnet18", checkpoint=tmp_path / "net.pt")
    images = torch.rand((1, 3, 32, 32), generator=RNG)
    expected = network((images - MEAN.view(1, 3, 1, 1)) / STD.view(1, 3, 1, 1))
    assert torch.allclose(built.module(images), expected, atol=1e-5)
    assert built.weights_sha256 == file_sha256(tmp_path / "net.pt")
    asked = build("cifar", "resnet18", checkpoint=tmp_path / "net.pt", normalization="none").module
    assert torch.allclose(asked(images), network(images), atol=1e-5)


def change(**entries: Any) -> dict[str, Any]:
    return {**original(), **entries}


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "a list": (lambda: [1, 2], "holds a list; expected a state dict"),
    "no tensors": (lambda: {"epoch": 3}, "holds a dict; expected a state dict"),
    "empty": (dict, "expected a state dict"),
    "an entry too many": (lambda: change(extra=torch.ones(1)), "has unknown 'extra' and 0 more"),
    "another shape": (lambda: change(**{"model.weight": torch.ones(3, 4)}), "another shape for 'model.weight'"),
    "no tensor": (lambda: change(**{"model.weight": 3}), "another shape for 'model.weight'"),
    "half a network": (
        lambda: under("module.", {"conv.weight": original()["conv.weight"]}),
        "lacks 'conv.bias' and 6 more of 9",
    ),
    "a normalizer that divides by zero": (
        lambda: change(**{"normalizer.new_mean": MEAN, "normalizer.new_std": torch.zeros(3)}),
        "expected three numbers each, std above 0",
    ),
    "half a normalizer": (lambda: change(**{"normalizer.new_mean": MEAN}), "std \\(\\); expected three numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit(name: str, tmp_path: Path) -> None:
    content, said = BAD[name]
    torch.save(content(), tmp_path / "net.pt")
    with pytest.raises(GeneratorError, match=said) as raised:
        load_checkpoint(Net(), tmp_path / "net.pt")
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"junk")
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04junk")
    for name, said in (
        ("net.safetensors", "cannot be read"),
        ("net.pt", "cannot be read"),
        ("no.pt", "does not exist"),
    ):
        with pytest.raises(GeneratorError, match=said):
            load_checkpoint(Net(), tmp_path / name)
    with pytest.raises(GeneratorError, match="cannot be read"):
        load_checkpoint(Net(), tmp_path)


@pytest.mark.parametrize("where", ["entry", "beside", "dtype"])
def test_nothing_in_a_file_runs(where: str, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            if where == "dtype":  # through what is allowed for the sake of numbers
                return (np.float64(0).__reduce__()[0], (np.dtype("O"), Touch()))
            return (Path.touch, (tmp_path / "ran",))

    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    content = {"conv.weight": Evil()} if where == "entry" else {"state_dict": original(), "epoch": Evil()}
    torch.save(content, tmp_path / "evil.pt")
    said = "cannot be read \\(" if where == "dtype" else "cannot be read without running code"
    with pytest.raises(GeneratorError, match=said):
        load_checkpoint(Net(), tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_a_whole_network_is_not_unpickled(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "net.pt")
    with pytest.raises(GeneratorError, match=r"load it yourself and torch\.save its state dict alone"):
        load_checkpoint(Net(), tmp_path / "net.pt")


def test_preprocessing_is_inside(tmp_path: Path) -> None:
    built = build("small_resnet", "small_resnet", normalization="cifar100", input_size=48)
    assert isinstance(built.module, Preprocessed)
    assert built.input_size == built.module.input_size == 48
    assert torch.allclose(built.module.mean.flatten(), torch.tensor([0.5071, 0.4865, 0.4409]))
    with pytest.raises(GeneratorError, match="known are cifar10, cifar100, imagenet"):
        build("small_resnet", "small_resnet", normalization="imagnet")
