from pathlib import Path

import pytest
import torch
from torchvision import models
from torchvision.transforms import functional as transforms

from generator.errors import GeneratorError
from generator.models import build
from generator.models.base import Preprocessed
from generator.models.torchvision import torchvision
from generator.models.weights import file_sha256
from generator.representation import Layer

RNG = torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "net.pt"
    torch.save(models.resnet18(num_classes=5).state_dict(), path)
    return path


def test_a_checkpoint_gives_what_torchvisions_own_pipeline_gives(checkpoint: Path) -> None:
    built = build("torchvision", "resnet18", checkpoint=checkpoint, n_classes=5)
    reference = models.resnet18(num_classes=5).eval()
    reference.load_state_dict(torch.load(checkpoint, weights_only=True))
    images = torch.rand((2, 3, 60, 60), generator=RNG)
    prepared = transforms.normalize(
        transforms.resize(images, [224, 224], antialias=True), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    assert torch.allclose(built.module(images), reference(prepared), atol=1e-5)
    expected = reference.layer1(reference.maxpool(reference.relu(reference.bn1(reference.conv1(prepared)))))
    assert torch.allclose(Layer(built.module, built.network, "layer1")(images), expected.flatten(1), atol=1e-4)
    assert built.weights_sha256 == file_sha256(checkpoint)
    assert not any(parameter.requires_grad for parameter in built.module.parameters())


def test_a_representation_inside_a_block_is_that_modules_output(checkpoint: Path) -> None:
    built = build("torchvision", "resnet18", checkpoint=checkpoint, n_classes=5)
    images = torch.rand((1, 3, 32, 32), generator=RNG)
    seen: list[torch.Tensor] = []
    hook = built.network.get_submodule("layer2.0.bn1").register_forward_hook(
        lambda _m, _i, out: seen.append(out.clone())
    )
    built.module(images)
    hook.remove()
    assert torch.equal(Layer(built.module, built.network, "layer2.0.bn1")(images), seen[0].flatten(1))


def test_a_checkpoint_with_a_wrapper_around_it_is_opened(checkpoint: Path, tmp_path: Path) -> None:
    wrapped = tmp_path / "wrapped.pt"
    torch.save({"state_dict": torch.load(checkpoint, weights_only=True), "epoch": 3}, wrapped)
    images = torch.rand((1, 3, 32, 32), generator=RNG)
    one, two = (
        build("torchvision", "resnet18", checkpoint=p, n_classes=5).module(images) for p in (checkpoint, wrapped)
    )
    assert torch.equal(one, two)


def test_other_classes_are_another_shape(checkpoint: Path) -> None:
    with pytest.raises(GeneratorError, match=r"another shape for 'fc\.weight'"):
        build("torchvision", "resnet18", checkpoint=checkpoint)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "ran"),)  # type: ignore[return-value]

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(GeneratorError, match="cannot be read"):
        build("torchvision", "resnet18", checkpoint=tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_random_weights_come_from_torchs_seed() -> None:
    images = torch.rand((1, 3, 32, 32), generator=RNG)
    given = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        given.append(build("torchvision", "squeezenet1_1").module(images))
    assert torch.equal(given[0], given[1])
    assert not torch.equal(given[0], given[2])


def test_a_vision_transformer_gets_the_size_that_it_was_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """vit_h_14's default weights are for 518 pixels, the network without weights is for 224."""
    with torch.device("meta"):
        built = torchvision.build("vit_h_14", None, None, None)
    assert built.input_size == 224
    assert isinstance(built.module, Preprocessed)
    assert built.module.input_size == 224


def test_classification_models_only() -> None:
    known = torchvision.architectures()
    assert {"resnet50", "vit_b_16", "convnext_tiny", "inception_v3", "vgg16_bn"} <= set(known)
    assert not [name for name in known if "rcnn" in name or "fcn" in name or "quantized" in name]


def test_other_sizes_and_colours() -> None:
    torch.manual_seed(0)
    built = build("torchvision", "vit_b_16", input_size=32, normalization="none")
    images = torch.rand((1, 3, 40, 40), generator=RNG)
    resized = transforms.resize(images, [32, 32], antialias=True)
    assert torch.allclose(built.module(images), built.network(resized), atol=1e-5)
    with pytest.raises(GeneratorError, match="75 pixels at least, not 32"):
        build("torchvision", "inception_v3", input_size=32)
