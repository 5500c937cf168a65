"""Every classification model of torchvision, with the preprocessing of its weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torchvision import models

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Preprocessed, freeze, load_checkpoint
from generator.models.weights import file_sha256, state_sha256

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
USUAL_SIZE = 224


class TorchvisionFamily:
    """Weights by torchvision's own names (`IMAGENET1K_V1`, `DEFAULT`) or a local checkpoint of the same architecture."""

    name = "torchvision"

    def architectures(self) -> Sequence[str]:
        return tuple(models.list_models(module=models))

    def build(
        self, architecture: str, weights: str | None, checkpoint: Path | None, n_classes: int | None
    ) -> BuiltModel:
        published = _weights(architecture, weights)
        size, mean, std = _preprocessing(architecture, published)
        options: dict[str, Any] = {} if n_classes is None else {"num_classes": n_classes}
        if published is not None and n_classes not in {None, len(published.meta["categories"])}:
            raise GeneratorError(
                f"weights {weights} of {architecture} have {len(published.meta['categories'])} classes, not {n_classes}; "
                f"leave n_classes out"
            )
        if architecture in {"inception_v3", "googlenet"} and published is None:
            options["init_weights"] = True
        try:
            network = models.get_model(architecture, weights=published, **options)
        except (OSError, RuntimeError) as problem:  # the download, or its hash
            raise GeneratorError(
                f"weights {weights} of {architecture} cannot be downloaded ({problem}); give a checkpoint file instead"
            ) from None
        if checkpoint is not None:
            load_checkpoint(network, checkpoint)
        if isinstance(network, models.VisionTransformer):
            size = network.image_size  # it takes no other; its default weights may belong to a larger one
        digest = file_sha256(checkpoint) if checkpoint else state_sha256(network) if published else None
        return BuiltModel(freeze(Preprocessed(network, size, mean, std)), network, size, digest)


def _weights(architecture: str, name: str | None) -> Any:
    if name is None:
        return None
    known = models.get_model_weights(architecture)
    if name not in known.__members__:
        raise GeneratorError(f"{architecture} has no weights named {name!r}; known are {', '.join(known.__members__)}")
    return known[name]


def _preprocessing(architecture: str, weights: Any) -> tuple[int, Sequence[float], Sequence[float]]:
    """Crop size, mean and standard deviation with which these weights (or the default ones) were trained."""
    chosen = weights or models.get_model_weights(architecture).DEFAULT
    transforms = chosen.transforms()
    size = getattr(transforms, "crop_size", [USUAL_SIZE])[0]
    return size, getattr(transforms, "mean", IMAGENET_MEAN), getattr(transforms, "std", IMAGENET_STD)


torchvision = TorchvisionFamily()
