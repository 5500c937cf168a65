"""Each gate at, above and below its limits, and the words it says."""

import pytest

from generator.errors import GeneratorError
from generator.proof import GATES
from generator.proof.gates import Strict
from generator.store import Distribution


def null(first: float, most: float = 0.9) -> dict[str, Distribution]:
    made = Distribution(n=10, quantiles={"0": first / 2, "1": first, "100": most})
    return {"relative": made, "pearson": made, "spearman": made, "snr_db": Distribution(n=10, quantiles={"100": 12.0})}


@pytest.mark.parametrize(
    ("error", "tau", "first", "n_reasons"),
    [
        (0.05, 0.1, 0.5, 0),
        (0.1, 0.1, 0.5, 0),
        (0.11, 0.1, 0.5, 1),
        (0.3, 0.4, 0.3, 1),
        (0.6, 0.1, 0.5, 2),
        (float("nan"), 0.1, 0.5, 2),
    ],
)
def test_paper(error: float, tau: float, first: float, n_reasons: int) -> None:
    assert len(GATES["paper"].judge({"representation_error": error}, tau, null(first))) == n_reasons


def test_an_image_without_an_error_fails_every_gate() -> None:
    measures = {"class_kept": 1, "error_jpeg90": 0.1, "error_shift1": 0.1, "error_8bit": 0.1}
    for gate in GATES.values():
        reasons = gate.judge(measures, 1.0, null(0.5))
        assert reasons
        assert all("nan" in reason for reason in reasons)


METAMER = {
    "class_kept": 1.0, "predicted_class": 3.0, "predicted_class_target": 3.0, "pearson": 0.95, "spearman": 0.91, "snr_db": 12.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ()),
        ({"class_kept": 0.0, "predicted_class_target": 7.0}, ("names class 3, for the target 7",)),
        ({"pearson": 0.9}, ("Pearson 0.9 is not above the null's largest 0.9",)),
        ({"spearman": -1.0, "snr_db": 12.0}, ("Spearman -1 ", "dB-SNR 12 is not above the null's largest 12")),
    ],
)
def test_metamer(changes: dict[str, float], words: tuple[str, ...]) -> None:
    reasons = GATES["metamer"].judge({**METAMER, **changes}, 0.0, null(0.5))
    assert len(reasons) == len(words)
    for reason, word in zip(reasons, words, strict=True):
        assert word in reason


def test_metamer_without_classes_or_without_a_null_says_so() -> None:
    assert [name for name, gate in GATES.items() if gate.needs_class] == ["metamer"]
    with pytest.raises(GeneratorError, match='this one names none; use gate = "paper"'):
        GATES["metamer"].judge({"representation_error": 0.0}, 1.0, null(0.5))
    with pytest.raises(GeneratorError, match="null distribution of spearman"):
        GATES["metamer"].judge(METAMER, 1.0, {"relative": null(0.5)["relative"]})


@pytest.mark.parametrize(("error", "failed"), [(0.01, []), (0.011, ["rounding"]), (0.3, ["JPEG", "rounding"]), (0.5, ["JPEG", "shift", "rounding"])])  # fmt: skip
def test_strict(error: float, failed: list[str]) -> None:
    measures = {"representation_error": error, "error_jpeg90": 0.2, "error_shift1": 0.4, "error_8bit": 0.01}
    reasons = GATES["strict"].judge(measures, 0.0, {})
    assert len(reasons) == len(failed)
    for reason, word in zip(reasons, failed, strict=True):
        assert word in reason
    assert not Strict(("shift1",)).judge({**measures, "representation_error": 0.4}, 0.0, {})
