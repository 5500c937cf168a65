"""The criterion of model metamers (Feather et al. 2019, 2023)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from generator.errors import GeneratorError
from generator.store import Distribution

_AGREEMENT = {"spearman": "Spearman", "pearson": "Pearson", "snr_db": "dB-SNR"}


@dataclass(frozen=True)
class Metamer:
    """The network names the same class for image and target, and Spearman's ρ, Pearson's r and dB-SNR at the layer each
    lie above the largest of the null. The recipe's tau plays no part."""

    needs_class: bool = True

    def judge(
        self,
        measures: Mapping[str, float],
        tau: float,  # noqa: ARG002
        null: Mapping[str, Distribution],
    ) -> tuple[str, ...]:
        if "class_kept" not in measures:
            raise GeneratorError(
                'gate metamer asks for the class that the network names, and this one names none; use gate = "paper" or '
                '"strict"'
            )
        reasons = []
        if not measures["class_kept"]:
            named, wanted = measures["predicted_class"], measures["predicted_class_target"]
            reasons.append(f"the network names class {named:g}, for the target {wanted:g}")
        for name, word in _AGREEMENT.items():
            value, most = measures.get(name, math.nan), _most(null, name)
            if not value > most:
                reasons.append(f"{word} {value:.3g} is not above the null's largest {most:.3g}")
        return tuple(reasons)


def _most(null: Mapping[str, Distribution], name: str) -> float:
    if name not in null:
        raise GeneratorError(
            f"gate metamer compares with the null distribution of {name}, which has no finite value at this layer; use "
            f'gate = "paper" or "strict"'
        )
    return null[name].quantiles["100"]
