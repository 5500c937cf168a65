"""timm and open_clip: networks, preprocessing and checkpoints of theirs, without a download."""

import importlib.util
import sys
from pathlib import Path

import open_clip as open_clip_library
import pytest
import timm as timm_library
import torch

from generator import models
from generator.errors import GeneratorError
from generator.models import build
from generator.representation import Layers

RNG = torch.Generator().manual_seed(0)


def test_timms_networks_with_timms_preprocessing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = timm_library.create_model("test_resnet", num_classes=5).eval()
    torch.save(reference.state_dict(), tmp_path / "net.pt")
    built = build("timm", "test_resnet", checkpoint=tmp_path / "net.pt", n_classes=5)
    told = timm_library.data.resolve_data_config(model=reference)
    assert built.input_size == told["input_size"][1]
    images = torch.rand((1, 3, built.input_size, built.input_size), generator=RNG, requires_grad=True)
    mean, std = (torch.tensor(told[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    scores = built.module(images)
    assert torch.allclose(scores, reference((images - mean) / std), atol=1e-5)
    assert built.is_classifier
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    assert (gradient != 0).any()


def test_timms_sizes_and_embeddings() -> None:
    built = build("timm", "test_vit", n_classes=0, input_size=64)  # a transformer is built for its size
    assert built.module(torch.rand((1, 3, 100, 100), generator=RNG)).shape == (1, 64)
    assert not built.is_classifier
    assert build("timm", "test_resnet", input_size=64).input_size == 64
    assert not build("timm", "test_resnet", normalization="none").module.get_buffer("mean").any()


def test_timms_names() -> None:
    assert {"resnet18", "vit_base_patch16_224"} <= set(models.family("timm").architectures())
    with pytest.raises(GeneratorError, match=r"known are .*a1_in1k"):
        build("timm", "resnet18", "imagenet")
    with pytest.raises(GeneratorError, match="have 1000 classes, not 4; leave n_classes out"):
        build("timm", "resnet18", "a1_in1k", n_classes=4)
    with pytest.raises(GeneratorError, match=r"nearest are .*resnet18"):
        build("timm", "resnet_18")


@pytest.fixture(scope="module")
def clip() -> torch.nn.Module:
    torch.manual_seed(0)
    found = open_clip_library.create_model("ViT-S-32-alt", load_weights=False)
    assert isinstance(found, torch.nn.Module)
    return found.eval()


@pytest.mark.parametrize("whole", [True, False])
def test_an_image_tower_from_a_checkpoint(whole: bool, tmp_path: Path, clip: torch.nn.Module) -> None:
    tower = clip.get_submodule("visual")
    torch.save((clip if whole else tower).state_dict(), tmp_path / "clip.pt")
    built = build("open_clip", "ViT-S-32-alt", checkpoint=tmp_path / "clip.pt")
    images = torch.rand((1, 3, 224, 224), generator=RNG, requires_grad=True)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
    embedding = built.module(images)
    assert torch.allclose(embedding, tower((images - mean) / std), atol=1e-5)
    seen = Layers(built.module, built.network, ["out", "transformer.resblocks.3:cls"])(images)
    assert torch.equal(seen["out"], embedding)
    assert seen["transformer.resblocks.3:cls"].shape == (1, 384)
    assert not built.is_classifier
    (gradient,) = torch.autograd.grad(embedding.sum(), images)
    assert (gradient != 0).any()


def test_open_clips_names() -> None:
    assert "RN50" in models.family("open_clip").architectures()
    with pytest.raises(GeneratorError, match="known are openai"):
        build("open_clip", "RN50", "imagenet")
    with pytest.raises(GeneratorError, match="leave n_classes out"):
        build("open_clip", "RN50", n_classes=4)


@pytest.mark.parametrize(("name", "extra"), [("timm", "timm"), ("open_clip", "clip")])
def test_a_library_that_is_not_there(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(models, "find_spec", lambda asked: None if asked == name else find(asked))
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(GeneratorError, match=rf"not installed; install alike\[{extra}\]"):
        models.family(name)
    assert name not in [family.name for family in models.installed()]
    assert "torchvision" in [family.name for family in models.installed()]
