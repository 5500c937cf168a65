"""Losses of the field, ready made. A recipe names one as `preset = "…"` and may change it in part.

Weights, transforms and parameterizations are those of Nanda et al. (AAAI 2023); the notebook's headline "human-leaning"
is the plain loss under transforms. `metamer` is the loss of Feather et al. (2019, 2023).
"""

from typing import Any

_L: dict[str, Any] = {"kind": "relative_l2"}
_REGULARIZED: list[dict[str, Any]] = [
    {"kind": "relative_l2", "weight": 10.0},
    {"kind": "tv", "weight": 5e-4},
    {"kind": "blur", "weight": 5e-4},
    {"kind": "l1", "weight": 5e-5},
]
_LP: dict[str, Any] = {"kind": "lp", "weight": 1.0}
_FOURIER: dict[str, Any] = {"kind": "fourier"}

SMALL: list[dict[str, Any]] = [
    {"kind": "jitter", "pixels": 8},
    {"kind": "scale", "factors": [0.90, 0.92, 0.94, 0.96, 0.98, 1.00, 1.02, 1.04, 1.06, 1.08, 1.10]},
    {"kind": "rotate", "degrees": [*range(-10, 11), 0, 0, 0, 0, 0]},
    {"kind": "jitter", "pixels": 4},
]
"""Transform robustness as in Lucid, for pictures of 32 pixels."""

LARGE: list[dict[str, Any]] = [{"kind": "pad", "pixels": 12}, *SMALL]
"""The same for ImageNet's pictures."""

PRESETS: dict[str, dict[str, Any]] = {
    "regularizer_free": {"terms": [_L]},
    "human_leaning": {"terms": _REGULARIZED},
    "human_leaning_lp": {"terms": [*_REGULARIZED, _LP]},
    "human_leaning_transforms": {"terms": [_L], "transforms": SMALL},
    "human_leaning_transforms_large": {"terms": [_L], "transforms": LARGE},
    "human_leaning_fourier": {"terms": [_L], "parameterization": _FOURIER},
    "human_leaning_fourier_transforms": {"terms": [_L], "transforms": SMALL, "parameterization": _FOURIER},
    "human_leaning_all": {"terms": _REGULARIZED, "transforms": SMALL, "parameterization": _FOURIER},
    "adversarial": {"terms": [_L, {"kind": "lpips", "toward": "target", "weight": -10.0}]},
    "adversarial_start": {"terms": [_L, {"kind": "lpips", "toward": "start", "weight": 10.0}]},
    "adversarial_auto": {"terms": [_L, {"kind": "lpips", "toward": "target", "weight": -1.0, "auto": True}]},
    "metamer": {"terms": [_L]},
}
