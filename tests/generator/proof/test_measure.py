"""Measures of items on files, against numpy and truths known beforehand."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from generator.errors import GeneratorError
from generator.proof import Display, Triple, find_classifier, measure, observe, refuse_mute, yardsticks
from generator.store import Distribution
from tests.generator.proof.worlds import CPU, brightest_colour, pictures, pixels_as_layer, probe

DECILES = Distribution(n=10, quantiles={"0": 0.0, "50": 1.0, "100": 2.0})
NULL = {"relative": DECILES, "centred": DECILES, "same_class/relative": Distribution(n=10, quantiles={"0": 0.0, "100": 4.0})}  # fmt: skip


def test_on_the_file_at_the_layer_and_later() -> None:
    target, start, found, *others = pictures(6)
    targets = [target, *others]
    asked = probe(targets)
    lengths = yardsticks(asked, [target])
    (got,) = measure(asked, [Triple(target, start, found)], NULL, lengths)
    t, s, r = (x.astype(float).transpose(2, 0, 1) / 255 for x in (target, start, found))
    mean = np.mean([x / 255 for x in targets], axis=0).transpose(2, 0, 1)
    error = np.linalg.norm(r - t) / np.linalg.norm(t)
    colour, colour_target = r.mean((1, 2)), t.mean((1, 2))
    assert got["representation_error"] == pytest.approx(error, rel=1e-5)
    assert got["representation_error_centred"] == pytest.approx(np.linalg.norm(r - t) / np.linalg.norm(t - mean), rel=1e-5)  # fmt: skip
    assert got["pearson"] == pytest.approx(pearsonr(r.ravel(), t.ravel()).statistic, abs=1e-5)
    assert got["representation_error@colour"] == pytest.approx(
        np.linalg.norm(colour - colour_target) / np.linalg.norm(colour_target), rel=1e-4
    )
    assert got["pearson@colour"] == pytest.approx(pearsonr(colour, colour_target).statistic, abs=1e-3)
    assert got["null_percentile"] == pytest.approx(50 * error, rel=1e-5)
    assert got["null_percentile_same_class"] == pytest.approx(25 * error, rel=1e-5)
    assert "null_percentile_different_class" not in got
    assert got["error_over_jpeg90"] == pytest.approx(error / lengths[0]["error_jpeg90"], rel=1e-5)
    assert got["predicted_class"] == np.argmax(colour)
    assert got["predicted_class_target"] == np.argmax(colour_target)
    assert got["class_kept"] == (np.argmax(colour) == np.argmax(colour_target))
    assert got["pixel_l2"] == pytest.approx(np.sqrt(np.mean((r - t) ** 2)), rel=1e-4)
    assert got["distance_ratio"] == pytest.approx(np.linalg.norm(r - t) / np.linalg.norm(s - t), rel=1e-4)
    assert got["pixel_l2_to_start"] == pytest.approx(np.sqrt(np.mean((r - s) ** 2)), rel=1e-4)
    assert not [name for name in got if "displayed" in name]


def test_classes_are_absent_where_none_are_named() -> None:
    target, start, found, other = pictures(4)
    asked = probe([target, other], classifies=False)
    (got,) = measure(asked, [Triple(target, start, found)], NULL, yardsticks(asked, [target]))
    assert not [name for name in got if "class" in name and "null" not in name]


def test_as_displayed() -> None:
    """Nearest neighbours show the file itself; smooth enlargement brings a noisy image nearer to a plain target."""
    target, start = np.full((16, 16, 3), 128, np.uint8), np.zeros((16, 16, 3), np.uint8)
    found = np.random.default_rng(0).integers(98, 159, (16, 16, 3), dtype=np.uint8)
    asked = probe([target, start])
    lengths = yardsticks(asked, [target])
    (nearest,) = measure(asked, [Triple(target, start, found)], NULL, lengths, Display(size=128))
    displayed = [name for name in nearest if "_displayed" in name]
    assert len(displayed) == 3 + 3 + 3  # of a plain target there is no correlation
    for name in displayed:
        assert nearest[name] == nearest[name.replace("_displayed", "")]
    smooth_display = Display(size=128, kernel="bicubic")
    (smooth,) = measure(asked, [Triple(target, start, found)], NULL, lengths, smooth_display)
    assert smooth["representation_error"] == nearest["representation_error"]
    assert smooth["representation_error_displayed"] < 0.98 * smooth["representation_error"]
    expected = np.linalg.norm(smooth_display.seen(found) - 128 / 255) / np.linalg.norm(np.full(768, 128 / 255))
    assert smooth["representation_error_displayed"] == pytest.approx(expected, rel=1e-4)


def test_a_perfect_image() -> None:
    target, start, other = pictures(3)
    asked = probe([target, other])
    (got,) = measure(asked, [Triple(target, start, target)], NULL, yardsticks(asked, [target]))
    assert (got["representation_error"], got["snr_db"], got["class_kept"], got["null_percentile"]) == (0, 200, 1, 0)
    assert got["pearson"] == pytest.approx(1)
    assert got["error_over_8bit"] == 0


def test_a_target_of_zeros_is_refused_and_an_image_without_a_number_is_not() -> None:
    black, start, other = np.zeros((16, 16, 3), np.uint8), *pictures(2)
    asked = probe([black, other])
    with pytest.raises(GeneratorError, match="at pixels is no number: a target is represented by zeros"):
        measure(asked, [Triple(black, start, other)], NULL, [{}])
    same = probe([other, other])
    with pytest.raises(GeneratorError, match="as the mean of all targets"):
        measure(same, [Triple(other, start, start)], NULL, [{}])

    def torn(images: torch.Tensor) -> dict[str, torch.Tensor]:
        """No number for a picture whose first pixel is white."""
        hole = torch.where(images[:, :1, :1, :1] == 1, torch.nan, 0.0)
        return {
            name: values + hole.view(-1, *[1] * (values.dim() - 1)) for name, values in pixels_as_layer(images).items()
        }

    broken = other.copy()
    broken[0, 0] = 255
    other[0, 0] = start[0, 0] = 1
    asked = probe([other, start], torn)
    (got,) = measure(asked, [Triple(other, start, broken)], NULL, yardsticks(asked, [other]))
    assert "representation_error" not in got
    assert "null_percentile" not in got
    assert got["pixel_l2"] > 0


def test_the_line_about_a_mute_target_names_it() -> None:
    norms, _ = observe(pixels_as_layer, [np.zeros((4, 4, 3), np.uint8), *pictures(1, size=4)], CPU)
    with pytest.raises(GeneratorError, match=r"target a is represented by zeros .model m, layer l."):
        refuse_mute(norms["pixels"], ["a", "b"], "model m, layer l")
    with pytest.raises(GeneratorError, match="target b is not a number"):
        refuse_mute([1.0, float("nan")], ["a", "b"], "model m, layer l")


def test_what_is_a_classifier() -> None:
    class Net(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return brightest_colour(images)

    images = torch.rand(1, 3, 4, 4)
    assert find_classifier(Net(), images) is not None
    assert find_classifier(torch.nn.Identity(), images) is None
    assert find_classifier(torch.nn.Sequential(Net(), torch.nn.Linear(3, 1)), images) is None
