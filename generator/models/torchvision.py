"""Every classification model of torchvision, with the preprocessing of its weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torchvision import models

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.normalization import NORMALIZATIONS, Normalization
from generator.models.weights import file_sha256, state_sha256

USUAL_SIZE = 224


class TorchvisionFamily(Family):
    """Weights by torchvision's own names (`IMAGENET1K_V1`, `DEFAULT`) or a local checkpoint of the same architecture."""

    name = "torchvision"

    def architectures(self) -> Sequence[str]:
        return tuple(models.list_models(module=models))

    def build(
        self,
        architecture: str,
        weights: str | None,
        checkpoint: Path | None,
        n_classes: int | None,
        *,
        normalization: Normalization | None = None,
        input_size: int | None = None,
    ) -> BuiltModel:
        published = _weights(architecture, weights)
        if published is not None and n_classes not in {None, len(published.meta["categories"])}:
            raise GeneratorError(
                f"weights {weights} of {architecture} have {len(published.meta['categories'])} classes, not {n_classes}; "
                f"leave n_classes out"
            )
        network = _network(architecture, published, n_classes, input_size)
        stored = None if checkpoint is None else load_checkpoint(network, checkpoint)
        size, usual = _preprocessing(architecture, published)
        if isinstance(network, models.VisionTransformer):
            size = network.image_size  # it takes no other; its default weights may belong to a larger one
        size = input_size or size
        digest = file_sha256(checkpoint) if checkpoint else state_sha256(network) if published else None
        return BuiltModel(preprocess(network, size, normalization or stored or usual), network, size, digest)


def _network(architecture: str, published: Any, n_classes: int | None, input_size: int | None) -> Any:
    options: dict[str, Any] = {} if n_classes is None else {"num_classes": n_classes}
    if architecture in {"inception_v3", "googlenet"} and published is None:
        options["init_weights"] = True
    if input_size is not None:
        options |= _size_option(architecture, input_size)
    try:
        return models.get_model(architecture, weights=published, **options)
    except (OSError, RuntimeError) as problem:  # the download, or its hash
        raise GeneratorError(
            f"weights {published.name} of {architecture} cannot be downloaded ({problem}); give a checkpoint file instead"
        ) from None
    except ValueError as problem:
        raise GeneratorError(f"{architecture} cannot be built for images of {input_size} pixels: {problem}") from None


def _size_option(architecture: str, input_size: int) -> dict[str, Any]:
    """Transformers with learned positions are built for one size. Raises GeneratorError for too small a size."""
    least = max(models.get_model_weights(architecture).DEFAULT.meta["min_size"])
    if architecture.startswith("vit_"):
        return {"image_size": input_size}
    if architecture.startswith("maxvit_"):
        return {"input_size": (input_size, input_size)}
    if input_size < least:
        raise GeneratorError(f"{architecture} takes images of {least} pixels at least, not {input_size}")
    return {}


def _weights(architecture: str, name: str | None) -> Any:
    if name is None:
        return None
    known = models.get_model_weights(architecture)
    if name not in known.__members__:
        raise GeneratorError(f"{architecture} has no weights named {name!r}; known are {', '.join(known.__members__)}")
    return known[name]


def _preprocessing(architecture: str, weights: Any) -> tuple[int, Normalization]:
    """Crop size and normalization with which these weights (or the default ones) were trained."""
    chosen = weights or models.get_model_weights(architecture).DEFAULT
    transforms = chosen.transforms()
    size = getattr(transforms, "crop_size", [USUAL_SIZE])[0]
    if not hasattr(transforms, "mean"):
        return size, NORMALIZATIONS["imagenet"]
    return size, Normalization(tuple(transforms.mean), tuple(transforms.std))


torchvision = TorchvisionFamily()
