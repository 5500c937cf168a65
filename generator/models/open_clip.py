"""The image towers of open_clip: what they give is an embedding, no class."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip as library
from torch import nn

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.normalization import Normalization
from generator.models.weights import file_sha256, state_sha256


class OpenClipFamily(Family):
    """Weights by open_clip's tags (`openai`, `laion2b_s34b_b79k`) or a local checkpoint: of the whole CLIP, or of its image
    tower alone. Names of layers start inside the tower; its embedding is the layer `out`."""

    name = "open_clip"

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
        if n_classes is not None:
            raise GeneratorError(f"{architecture} is an image tower and has no classes; leave n_classes out")
        tower = _tower(architecture, weights, input_size)
        stored = None if checkpoint is None else load_checkpoint(tower, checkpoint, part="visual.")
        told = tower.preprocess_cfg
        size = told["size"] if isinstance(told["size"], int) else told["size"][0]
        usual = Normalization(tuple(told["mean"]), tuple(told["std"]))
        tower.add_module("out", nn.Identity())
        tower.register_forward_hook(_hand_out)
        digest = file_sha256(checkpoint) if checkpoint else state_sha256(tower) if weights else None
        module = preprocess(tower, size, normalization or stored or usual)
        return BuiltModel(module, tower, size, digest, is_classifier=False)


def _tower(architecture: str, weights: str | None, input_size: int | None) -> Any:
    known = library.list_pretrained_tags_by_model(architecture)
    if weights is not None and weights not in known:
        raise GeneratorError(
            f"{architecture} has no weights named {weights!r}; known are {', '.join(known) if known else 'none'}"
        )
    # Some weights were trained with another approximation of GELU than their architecture names.
    quick = bool(weights and library.pretrained.get_pretrained_cfg(architecture, weights).get("quick_gelu"))
    try:
        with _quiet():
            return library.create_model(
                architecture,
                pretrained=weights,
                force_quick_gelu=quick,
                force_image_size=input_size,
                pretrained_text=False,
            ).visual
    except Exception as problem:
        reason = str(problem).splitlines()[0][:160] if str(problem) else type(problem).__name__
        what = f"weights {weights} of {architecture} cannot be loaded" if weights else f"{architecture} cannot be built"
        raise GeneratorError(f"{what} ({reason})") from None


def _hand_out(tower: Any, _inputs: Any, output: Any) -> Any:
    """The embedding, which the tower makes by a bare matrix, as a layer with a name."""
    return tower.out(output)


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip warns through the root logger of weights that nobody asked for."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


open_clip = OpenClipFamily()
