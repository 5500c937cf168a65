"""Each loss against its formula in numpy, its gradient against finite differences, and one image at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator.errors import BadField, GeneratorError
from generator.inversion import Loss, Seen, State
from generator.losses import LOSSES
from generator.losses.presets import PRESETS
from generator.objectives import ChosenLoss, choose_loss

Array = NDArray[np.float64]
RNG = torch.Generator().manual_seed(1)
MIX = torch.randn((5, 3), generator=RNG, dtype=torch.float64)
MEAN, STD = (
    torch.rand((1, 5, 4, 4), generator=RNG, dtype=torch.float64),
    torch.rand((1, 5, 4, 4), generator=RNG, dtype=torch.float64),
)


def represent(images: torch.Tensor) -> torch.Tensor:
    """A representation with places, (batch, 5, 4, 4), that is not linear."""
    return torch.tanh(torch.einsum("dc,bchw->bdhw", MIX.to(images.dtype), images))


def state(image: torch.Tensor, target: torch.Tensor, start: torch.Tensor | None = None) -> State:
    seen = Seen(represent(image), represent(target), MEAN, STD)
    return State(image, target, target if start is None else start, {"here": seen}, "here")


def pictures(n: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand((n, 3, 4, 4), generator=RNG, dtype=dtype)


def total(chosen: ChosenLoss, whole: State) -> torch.Tensor:
    return chosen.objective.parts(whole, chosen.objective.weights(whole)).sum(1)


def flat(values: torch.Tensor) -> Array:
    return values.detach().numpy().reshape(len(values), -1)


def gram(values: torch.Tensor) -> Array:
    features = values.detach().numpy().reshape(len(values), values.shape[1], -1)
    return np.stack([each @ each.T / each.shape[1] for each in features]).reshape(len(values), -1)


def blurred(image: Array) -> Array:
    """A 3×3 weighted mean with black around."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    total = np.zeros_like(image)
    for dy in range(3):
        for dx in range(3):
            weight = 1.0 if (dy, dx) == (1, 1) else 0.5
            total += weight / 5 * padded[:, dy : dy + image.shape[1], dx : dx + image.shape[2]]
    return total


Formula = Callable[[Array, torch.Tensor, torch.Tensor], Array]  # pixels, g(x), g(x_t)
FORMULAS: dict[str, tuple[dict[str, Any], Formula]] = {
    "relative_l2": ({}, lambda _, g, t: np.linalg.norm(flat(g - t), axis=1) / np.linalg.norm(flat(t), axis=1)),
    "centred_l2": ({}, lambda _, g, t: np.linalg.norm(flat(g - t), axis=1) / np.linalg.norm(flat(t - MEAN), axis=1)),
    "cosine": (
        {},
        lambda _, g, t: (
            1 - (flat(g) * flat(t)).sum(1) / np.linalg.norm(flat(g), axis=1) / np.linalg.norm(flat(t), axis=1)
        ),
    ),
    "per_unit": (
        {"eps": 0.3},
        lambda _, g, t: np.sqrt(((flat(g - t) / (flat(STD) + 0.3 * np.sqrt((flat(STD) ** 2).mean()))) ** 2).mean(1)),
    ),
    "gram": ({}, lambda _, g, t: np.linalg.norm(gram(g) - gram(t), axis=1) / np.linalg.norm(gram(t), axis=1)),
    "tv": (
        {"beta": 3.0},
        lambda x, _, __: np.array(
            [((np.diff(i, axis=1) ** 2).sum() + (np.diff(i, axis=2) ** 2).sum()) ** 1.5 for i in x]
        ),
    ),
    "blur": ({}, lambda x, _, __: np.array([((i - blurred(i)) ** 2).sum() / 2 for i in x])),
    "l1": ({}, lambda x, _, __: np.abs(x - 0.5).sum((1, 2, 3))),
    "lp": ({"p": 6.0}, lambda x, _, __: (np.abs(x) ** 6).sum((1, 2, 3)) ** (1 / 6)),
}


def make(name: str) -> Loss:
    return LOSSES[name](**FORMULAS[name][0])  # type: ignore[call-arg]


def test_every_loss_has_its_formula() -> None:
    assert set(FORMULAS) == set(LOSSES) - {"lpips"}  # tests/generator/metrics


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name: str) -> None:
    image, target = pictures(3), pictures(3)
    expected = FORMULAS[name][1](image.numpy(), represent(image), represent(target))
    np.testing.assert_allclose(make(name)(state(image, target)).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"blur"}))  # its blurred copy is no variable
def test_gradients(name: str) -> None:
    image, target = pictures(2).requires_grad_(True), pictures(2)
    assert torch.autograd.gradcheck(lambda x: make(name)(state(x, target)), (image,))


def test_the_blurred_copy_is_taken_as_given() -> None:
    image = pictures(1).requires_grad_(True)
    (gradient,) = torch.autograd.grad(make("blur")(state(image, image.detach())).sum(), image)
    pixels = image.detach().numpy()[0]
    np.testing.assert_allclose(gradient.numpy()[0], pixels - blurred(pixels), rtol=1e-10)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    image, target = pictures(4), pictures(4)
    together = make(name)(state(image, target))
    alone = torch.cat([make(name)(state(image[i : i + 1], target[i : i + 1])) for i in range(4)])
    assert torch.allclose(together, alone, rtol=1e-12)


def test_tokens_have_spatial_statistics_too_and_vectors_have_none() -> None:
    tokens, wanted = pictures(2).flatten(2).transpose(1, 2), pictures(2).flatten(2).transpose(1, 2)
    seen = Seen(tokens, wanted, wanted.mean(0, keepdim=True), wanted.mean(0, keepdim=True))
    loss = LOSSES["gram"]()(State(pictures(2), pictures(2), pictures(2), {"here": seen}, "here"))
    a, b = gram(tokens.transpose(1, 2).unsqueeze(3)), gram(wanted.transpose(1, 2).unsqueeze(3))
    np.testing.assert_allclose(loss.numpy(), np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1))
    flat_one = Seen(tokens.flatten(1), wanted.flatten(1), wanted, wanted)
    with pytest.raises(GeneratorError, match="needs a layer with places"):
        LOSSES["gram"]()(State(pictures(2), pictures(2), pictures(2), {"here": flat_one}, "here"))


def test_a_term_may_look_at_another_layer() -> None:
    image, target = pictures(2), pictures(2)
    there = Seen(image, target, target, target)
    here = Seen(represent(image), represent(target), MEAN, STD)
    whole = State(image, target, target, {"here": here, "there": there}, "here")
    chosen = choose_loss(
        ("losses", 0),
        {"terms": [{"kind": "relative_l2"}, {"kind": "relative_l2", "layer": "there", "weight": 3}]},
    )
    expected = LOSSES["relative_l2"]()(whole) + 3 * (image - target).flatten(1).norm(dim=1) / target.flatten(1).norm(
        dim=1
    )
    assert torch.allclose(total(chosen, whole), expected)
    assert chosen.objective.layers == ("there",)


def test_weights_that_are_set_by_each_image() -> None:
    image, target = pictures(3), pictures(3)
    chosen = choose_loss(
        ("losses", 0), {"terms": [{"kind": "relative_l2"}, {"kind": "l1", "weight": -0.5, "auto": True}]}
    )
    whole = state(image, target)
    weights = chosen.objective.weights(whole)
    first, second = LOSSES["relative_l2"]()(whole), LOSSES["l1"]()(whole)
    assert torch.allclose(weights, torch.stack([torch.ones(3, dtype=torch.float64), -0.5 * first / second], 1))
    assert torch.allclose(
        chosen.objective.parts(whole, weights).sum(1), 0.5 * first
    )  # half of it is taken away at the start


@pytest.mark.parametrize("name", sorted(name for name in PRESETS if not name.startswith("adversarial")))
def test_presets_can_be_chosen(name: str) -> None:
    chosen = choose_loss(("losses", 0), {"preset": name})
    assert chosen.label == name
    assert choose_loss(("losses", 0), {"preset": name, "name": "mine"}).settings == chosen.settings


def test_the_human_leaning_preset_is_the_authors_sum() -> None:
    chosen = choose_loss(("losses", 0), {"preset": "human_leaning"})
    image, target = pictures(2), pictures(2)
    whole = state(image, target)
    expected = (
        10 * LOSSES["relative_l2"]()(whole)
        + 5e-4 * LOSSES["tv"]()(whole)
        + 5e-4 * LOSSES["blur"]()(whole)
        + 5e-5 * LOSSES["l1"]()(whole)
    )
    assert torch.allclose(total(chosen, whole), expected)


def test_a_preset_with_other_terms_is_not_called_so() -> None:
    chosen = choose_loss(("losses", 0), {"preset": "human_leaning", "terms": [{"kind": "relative_l2"}]})
    assert chosen.label == "relative_l2"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"preset": ["x"]}, "is unknown; known are regularizer_free"),
        ({"kind": "tv", "weight": 10**400}, "is no finite number"),
        ({"kind": "tv", "transforms": [{"kind": "scale", "factors": [0.0]}]}, "greater than 0"),
        ({"preset": "humane"}, "known are regularizer_free"),
        ({"terms": []}, "one at least"),
        ({"terms": [{"kind": "tv"}], "weight": 2}, "known are name, terms"),
        ({"terms": {"kind": "tv"}}, "is no list of tables"),
        ({"kind": "tv", "weight": "much"}, "is no finite number"),
        ({"kind": "tv", "weight": float("nan")}, "is no finite number"),
        ({"kind": "tv", "beta": -1}, "greater than 0"),
        ({"kind": "tv", "auto": 1}, "neither true nor false"),
        ({"kind": "tv", "gamma": 1}, "known are beta"),
        ({"kind": "lpips", "toward": "start", "auto": True}, "which is 0 for a distance to the start"),
        ({"kind": "tv", "transforms": [{"kind": "shear"}]}, "known are jitter"),
        ({"kind": "tv", "parameterization": {"kind": "wavelet"}}, "known are pixel"),
        ({"kind": "tv", "parameterization": "fourier"}, "no list of tables"),
    ],
)
def test_what_is_no_loss_is_one_line(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadField, match=said) as problem:
        choose_loss(("losses", 2), entry)
    assert str(problem.value).startswith("losses.2")
    assert "\n" not in str(problem.value)
