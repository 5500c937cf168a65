"""Every model of timm, with the preprocessing of its weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm as library

from generator.errors import GeneratorError
from generator.models.base import NOMINAL_SIZE, BuiltModel, Family, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.normalization import NORMALIZATIONS, Normalization
from generator.models.weights import file_sha256, state_sha256


class TimmFamily(Family):
    """Weights by timm's tags (`a1_in1k`; `DEFAULT` is its first) or a local checkpoint of the same architecture."""

    name = "timm"

    def architectures(self) -> Sequence[str]:
        return tuple(library.list_models())

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
        published = None if weights is None else _published(architecture, weights, n_classes)
        network = _network(architecture, published, n_classes, input_size)
        stored = None if checkpoint is None else load_checkpoint(network, checkpoint)
        told: dict[str, Any] = network.pretrained_cfg or {}
        size = input_size or told.get("input_size", (3, NOMINAL_SIZE, NOMINAL_SIZE))[1]
        usual = NORMALIZATIONS["imagenet"]
        if "mean" in told and "std" in told:
            usual = Normalization(tuple(told["mean"]), tuple(told["std"]))
        digest = file_sha256(checkpoint) if checkpoint else state_sha256(network) if published else None
        module = preprocess(network, size, normalization or stored or usual)
        return BuiltModel(module, network, size, digest, is_classifier=network.num_classes > 0)


def _published(architecture: str, tag: str, n_classes: int | None) -> str:
    """The name of an architecture with its weights."""
    known = {name.partition(".")[2]: name for name in library.list_pretrained(f"{architecture}.*")}
    default = library.get_pretrained_cfg(architecture, allow_unregistered=True)
    if default is not None and default.tag in known:
        known["DEFAULT"] = known[default.tag]
    if tag not in known:
        raise GeneratorError(f"{architecture} has no weights named {tag!r}; known are {', '.join(known) or 'none'}")
    told = library.get_pretrained_cfg(known[tag])
    if n_classes is not None and told is not None and n_classes != told.num_classes:
        raise GeneratorError(
            f"weights {tag} of {architecture} have {told.num_classes} classes, not {n_classes}; leave n_classes out"
        )
    return known[tag]


def _network(architecture: str, published: str | None, n_classes: int | None, input_size: int | None) -> Any:
    told = library.get_pretrained_cfg(published or architecture, allow_unregistered=True)
    options: dict[str, Any] = {} if n_classes is None else {"num_classes": n_classes}
    if input_size is not None and told is not None and told.fixed_input_size:
        options["img_size"] = input_size
    try:
        return library.create_model(published or architecture, pretrained=published is not None, **options)
    except (TypeError, AssertionError) as problem:
        raise GeneratorError(f"{architecture} cannot be built for images of {input_size} pixels: {problem}") from None
    except Exception as problem:
        if published is None:
            raise
        raise GeneratorError(
            f"weights {published} cannot be downloaded ({type(problem).__name__}); give a checkpoint file instead"
        ) from None


timm = TimmFamily()
