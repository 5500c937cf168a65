"""Our LPIPS against the authors' package, on backbones made here; what is missing is said and never made up."""

import warnings
from pathlib import Path

import lpips as reference
import pytest
import torch
from torchvision import models

from generator.errors import GeneratorError
from generator.inversion import State
from generator.losses.lpips import Lpips
from generator.metrics.lpips import load_lpips
from generator.objectives import choose_loss

ARCHITECTURES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
RNG = torch.Generator().manual_seed(4)


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("lpips"), {}
    for net, architecture in ARCHITECTURES.items():
        torch.manual_seed(7)
        made[net] = folder / f"{architecture}.pth"
        features = models.get_model(architecture, weights=None).features.state_dict()
        torch.save({f"features.{name}": tensor for name, tensor in features.items()}, made[net])
    return made


def theirs(net: str, backbone: Path) -> "reference.LPIPS":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = reference.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    weights = torch.load(backbone, weights_only=True)
    slices = [module for name, module in network.net.named_children() if name.startswith("slice")]
    for piece in slices:
        for name, parameter in piece.named_parameters():
            parameter.data.copy_(weights[f"features.{name}"])
    return network


@pytest.mark.parametrize("net", ARCHITECTURES)
def test_it_is_the_authors_distance(net: str, backbones: dict[str, Path]) -> None:
    ours, hashes = load_lpips(net, backbones[net], None)  # type: ignore[arg-type]
    a, b = torch.rand((2, 3, 64, 64), generator=RNG, requires_grad=True), torch.rand((2, 3, 64, 64), generator=RNG)
    reference_net = theirs(net, backbones[net])
    expected = reference_net(a, b, normalize=True).view(-1)
    found = ours(a, b)
    assert torch.allclose(found, expected, rtol=1e-4)
    (gradient,) = torch.autograd.grad(found.sum(), a)
    (wanted,) = torch.autograd.grad(expected.sum(), a)
    assert (gradient - wanted).norm() <= 1e-3 * wanted.norm()
    assert {len(digest) for digest in hashes.values()} == {64}
    assert ours(b, b).tolist() == [0, 0]


def test_the_loss_looks_at_target_or_start(backbones: dict[str, Path]) -> None:
    image, target, start = (torch.rand((2, 3, 64, 64), generator=RNG) for _ in range(3))
    state = State(image, target, start, {}, "here")
    network, hashes = load_lpips("alex", backbones["alex"], None)
    for toward, other in (("target", target), ("start", start)):
        loss = Lpips(toward, "alex", backbones["alex"])  # type: ignore[arg-type]
        assert torch.equal(loss(state), network(image, other))
        assert loss.provenance() == hashes


def test_a_recipe_knows_weights_by_their_hash_not_by_their_place(backbones: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "other-name.pth"
    elsewhere.write_bytes(backbones["alex"].read_bytes())
    told = [
        choose_loss(("losses", 0), {"kind": "lpips", "backbone": str(path)}).settings
        for path in (backbones["alex"], elsewhere)
    ]
    assert told[0] == told[1]
    assert str(tmp_path) not in str(told)
    assert set(told[0]["terms"][0]["files"]) == {"backbone", "heads"}


def test_missing_weights_are_said(backbones: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="do not exist"):
        load_lpips("alex", tmp_path / "nothing.pth", None)
    with pytest.raises(GeneratorError, match="is no vgg16: features"):
        load_lpips("vgg", backbones["alex"], None)
    with pytest.raises(GeneratorError, match="holds no heads of LPIPS for squeeze"):
        load_lpips("squeeze", backbones["squeeze"], backbones["alex"])
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(GeneratorError, match="cannot be read"):
        load_lpips("alex", tmp_path / "junk.pth", None)
