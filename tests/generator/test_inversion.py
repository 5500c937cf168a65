import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.inversion import Found, Optimizer, Represent, State, Term, relative_error
from generator.optimizers.adam import Adam
from generator.optimizers.lbfgs import LBFGS
from generator.optimizers.momentum import Momentum
from generator.optimizers.paper import Paper
from generator.parameterizations.fourier import Fourier
from tests.generator.parts import Distance, identity, network, pictures, search


def images_of(found: list[Found]) -> Tensor:
    return torch.stack([each.image for each in found])


def linear(units: int) -> tuple[Tensor, Represent]:
    matrix = torch.randn((units, 12), generator=torch.Generator().manual_seed(0)) * 0.1
    return matrix, lambda images: {"l": images.flatten(1) @ matrix.T}


@pytest.mark.parametrize(
    "optimizer",
    [
        Adam(lr=0.01, steps=600),
        Paper(steps=3000, step_size=0.01),
        Momentum(steps=200),
        LBFGS(steps=200),
    ],
)
def test_a_network_without_invariance_gives_the_target_back(optimizer: Optimizer) -> None:
    target, start = pictures(3, 1), pictures(3, 2)
    found = search(network(identity), optimizer, target, start, 5e-3)
    assert (images_of(found) - target).abs().max() < 0.015
    assert all(each.error <= 5e-3 and each.failure is None for each in found)


def test_what_a_linear_network_cannot_see_stays_as_it_was() -> None:
    """g(x) = Ax: gradient steps move within the row space of A alone, so the start's null-space part remains."""
    matrix, represent = linear(4)
    target, start = 0.4 + 0.2 * pictures(2, 1), 0.4 + 0.2 * pictures(2, 2)
    found = search(network(represent), Paper(2000, 0.005), target, start, 1e-2)
    assert all(each.error <= 1e-2 for each in found)
    null = torch.linalg.svd(matrix)[2][4:]
    assert torch.allclose(images_of(found).flatten(1) @ null.T, start.flatten(1) @ null.T, atol=1e-4)


def course(target: Tensor, start: Tensor, size: float, steps: int) -> tuple[list[Tensor], list[float]]:
    """Iterates and errors of one image, of the identity network under the paper's step: the gradient of ‖x − t‖ is along
    x − t, whatever it is divided by."""
    x, iterates, errors = start, [], []
    for _ in range(steps + 1):
        iterates.append(x)
        errors.append(float((x - target).norm() / target.norm()))
        x = (x - size * (x - target) / (x - target).norm()).clamp(0, 1)
    return iterates, errors


def test_first_ends_at_the_first_iterate_that_is_good_enough_and_keeps_those_before() -> None:
    target, start = pictures(4, 1), pictures(4, 2)
    found = search(network(identity), Paper(80, 0.03), target, start, 0.5, 0.3, 0.1)
    for i, each in enumerate(found):
        iterates, errors = course(target[i], start[i], 0.03, 80)
        steps = [next(step for step, error in enumerate(errors) if error <= level) for level in (0.5, 0.3, 0.1)]
        snapshots = [snapshot for snapshot in each.snapshots if snapshot is not None]
        assert [snapshot.step for snapshot in snapshots] + [each.step] == steps
        for step, image, error in [(s.step, s.image, s.error) for s in snapshots] + [
            (each.step, each.image, each.error)
        ]:
            assert torch.allclose(image, iterates[step], atol=1e-5)
            assert error == pytest.approx(errors[step], rel=1e-4)
        assert each.curve[0] == (0, pytest.approx(errors[0], rel=1e-5))
        assert each.curve[-1] == (each.step, pytest.approx(errors[each.step], rel=1e-4))


def test_a_level_that_is_not_reached_leaves_no_snapshot_and_the_best_iterate() -> None:
    found = search(network(identity), Paper(3, 0.03), pictures(2, 1), pictures(2, 2), 0.05, 0.01)
    assert [each.snapshots for each in found] == [(None,), (None,)]
    assert [each.step for each in found] == [3, 3]
    assert all(each.failure is None for each in found)


def test_best_takes_all_steps_and_keeps_the_iterate_of_least_error() -> None:
    """Steps of 1 overshoot; the last iterate is not the best one."""
    target, start = pictures(3, 1), pictures(3, 2)
    found = search(network(identity), Paper(40, 1.0), target, start, 0.9, 0.0, rule="best")
    for i, each in enumerate(found):
        iterates, errors = course(target[i], start[i], 1.0, 40)
        assert each.error == pytest.approx(min(errors), rel=1e-4)
        assert torch.allclose(each.image, iterates[each.step], atol=1e-4)
        assert each.step < 40
        assert each.curve[-1][0] == 40
        assert each.snapshots[0] is not None


def test_pixels_at_the_bounds_move_or_are_blocked() -> None:
    """The fault of newer clamps: with their gradient a start of all black is stuck, and says so."""
    black = torch.zeros(2, 3, 2, 2)
    free = search(network(identity), Adam(lr=0.05, steps=200), pictures(2, 1), black, 1e-2)
    assert all(each.error <= 1e-2 and each.image.min() >= 0 and each.image.max() <= 1 for each in free)
    stuck = search(network(identity), Adam(lr=0.05, steps=200), pictures(2, 1), black, 1e-2, clamp="block")
    for each in stuck:
        assert each.failure == "the loss has no slope (its gradient is zero) at iteration 0"
        assert torch.equal(each.image, black[0])
        assert each.error == 1


@pytest.mark.parametrize("optimizer", [Adam(lr=0.02, steps=100), Momentum(steps=100), LBFGS(steps=100)])
def test_an_image_does_not_depend_on_its_batch(optimizer: Optimizer) -> None:
    _, represent = linear(6)
    target, start = pictures(7, 1), pictures(7, 2)
    alone, few, together = (
        search(network(represent), optimizer, target, start, 0.3, 0.05, batch_size=n) for n in (1, 3, 7)
    )
    for other in (few, together):
        assert torch.allclose(images_of(alone), images_of(other), atol=1e-4)
        assert [each.step for each in alone] == [each.step for each in other]
        assert [each.curve[0][1] for each in alone] == pytest.approx([each.curve[0][1] for each in other], rel=1e-5)


def test_a_slow_image_does_not_keep_the_others_waiting() -> None:
    """Image 0 has 60 steps to go, the other seven 5 each: two at a time they are done when image 0 is."""
    target = torch.full((8, 3, 2, 2), 0.5)
    start = target + 0.05 * torch.ones(8, 1, 1, 1) / math.sqrt(12) * torch.tensor([12.0] + [1.0] * 7).view(-1, 1, 1, 1)
    passes, finished = [0], []

    def counting(images: Tensor) -> dict[str, Tensor]:
        passes[0] += int(images.requires_grad)
        return {"l": images}

    def report(n: int, _error: float) -> None:
        if n and n not in finished:
            finished.append(n)

    found = search(network(counting), Paper(100, 0.01), target, start, 1e-4, batch_size=2, report=report)
    assert [each.step for each in found] == [60] + [5] * 7
    assert passes[0] == 61
    assert finished == [1, 2, 3, 4, 5, 6, 7, 8]


def test_failures_stop_one_image_and_say_why() -> None:
    """Each fate is written into the target's first value; the last image has none."""
    target, start = pictures(4, 1) * 0.5 + 0.1, pictures(4, 2)
    target[:, 0, 0, 0] = torch.tensor([0.0, 0.01, 0.02, 0.5])

    class Fated:
        layer = None

        def __call__(self, state: State) -> Tensor:
            fate = state.target[:, 0, 0, 0]
            moved = (state.image - state.start).detach().flatten(1).norm(dim=1)
            factor = torch.where((fate == 0) & (moved > 0.1), torch.nan, 1.0)
            factor = torch.where((fate == 0.01) & (moved > 0.2), 1e7, factor)
            return Distance()(state) * torch.where((fate == 0.02) & (moved > 0.3), 0.0, factor)

    found = search(network(identity), Paper(300, 0.03), target, start, 0.02, losses=(Fated(),), batch_size=3)
    assert [each.failure and each.failure.rsplit(" at ")[0] for each in found] == [
        "the loss or its gradient is not a number",
        "the loss is more than 1e+06 times what it began with",
        "the loss has no slope (its gradient is zero)",
        None,
    ]
    iterations = [int(each.failure.rsplit(" ", 1)[1]) for each in found[:3] if each.failure]
    assert iterations == sorted(iterations)
    assert iterations[0] == 4  # the fourth step of 0.03 is the first beyond 0.1
    assert found[3].error <= 0.02
    assert torch.equal(
        found[3].image,
        search(network(identity), Paper(300, 0.03), target[3:], start[3:], 0.02, losses=(Fated(),))[0].image,
    )
    for each in found:
        assert torch.isfinite(each.image).all()
        assert math.isfinite(each.error)


def test_a_loss_that_is_a_difference_may_begin_near_zero() -> None:
    """Loss minus itself away from the start, scaled to be equal at first: 0 at the start, and no explosion after."""

    class Away:
        layer = None

        def __call__(self, state: State) -> Tensor:
            return (state.image - state.target).abs().flatten(1).mean(1) + 1

    terms = (Term(Distance()), Term(Away(), -1.0, auto=True))
    found = search(network(identity), Paper(60, 0.03), pictures(2, 1), pictures(2, 2), 0.1, losses=terms)
    assert [each.failure for each in found] == [None, None]
    assert found[0].curve[0] == (0, pytest.approx(0, abs=1e-6))


def test_auto_weights_make_terms_equal_at_the_start_of_each_image() -> None:
    target, start = pictures(3, 1), pictures(3, 2)

    class Mean:
        layer = None

        def __call__(self, state: State) -> Tensor:
            return state.image.flatten(1).mean(1)

    terms = (Term(Distance(), 2.0), Term(Mean(), 0.5, auto=True))
    found = search(network(identity), Paper(2, 0.03), target, start, 0.0, losses=terms)
    for i, each in enumerate(found):
        error = float((start[i] - target[i]).norm() / target[i].norm())
        assert each.weights == pytest.approx((2.0, 0.5 * error / float(start[i].mean())), rel=1e-5)
        assert each.curve[0][1] == pytest.approx(2.5 * error, rel=1e-5)
    start[1] = 0
    fates = [each.failure for each in search(network(identity), Paper(2, 0.03), target, start, 0.0, losses=terms)]
    assert fates == [
        None,
        "an auto weight has no scale (its term is 0 or not a number at the start) at iteration 0",
        None,
    ]


class LuckyDraw:
    """Every third draw shows the network the targets themselves."""

    def __init__(self, targets: Tensor) -> None:
        self.targets, self.drawn = targets, 0

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]:
        self.drawn += 1
        return (float(self.drawn % 3 == 0),)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        return torch.where(draws.view(-1, 1, 1, 1) == 1, self.targets + 0 * images, images)


@pytest.mark.parametrize(("rule", "settle_every"), [("first", 1), ("best", 1), ("first", 4), ("best", 4)])
def test_a_lucky_transform_is_no_success(rule: str, settle_every: int) -> None:
    target, start = pictures(2, 1), pictures(2, 2)
    found = search(
        network(identity, settle_every=settle_every),
        Adam(lr=0.02, steps=90),
        target,
        start,
        0.3,
        0.1,
        losses=(SmoothDistance(),),
        transforms=(LuckyDraw(target),),
        rule=rule,
        check_every=5,
    )
    for i, each in enumerate(found):
        snapshot = each.snapshots[0]
        assert snapshot is not None
        for image, error in ((each.image, each.error), (snapshot.image, snapshot.error)):
            assert error == pytest.approx(float(relative_error(image[None], target[i : i + 1])), rel=1e-5)
        assert 0 < each.error <= 0.1
        assert 0.1 < snapshot.error <= 0.3
        assert each.failure is None


class SmoothDistance:
    """The mean square and a little of the mean: it has a slope where it is 0."""

    layer = None

    def __call__(self, state: State) -> Tensor:
        seen = state.at(None)
        return ((seen.representation - seen.target) ** 2).flatten(1).mean(1) + 1e-4 * state.image.flatten(1).mean(1)


class _Coarse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return (images * 16).round() / 16

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return gradient


@pytest.mark.parametrize("settle_every", [1, 8])
@pytest.mark.parametrize("steps", [37, 200])
def test_lower_precision_never_counts_as_a_true_error(settle_every: int, steps: int) -> None:
    """A network that rounds to sixteenths says 0 or too little long before it is true; the exact one decides."""

    def coarse(images: Tensor) -> dict[str, Tensor]:
        return {"l": _Coarse.apply(images)}

    target, start = (pictures(5, 1) * 16).round() / 16, pictures(5, 2)
    net = network(coarse, identity, settle_every=settle_every)
    found = search(net, Adam(lr=0.01, steps=steps), target, start, 0.3, 0.004, losses=(SmoothDistance(),), batch_size=2)
    for i, each in enumerate(found):
        assert each.error == pytest.approx(float(relative_error(each.image[None], target[i : i + 1])), rel=1e-4)
        assert each.failure is None
        if steps == 200:
            assert each.error <= 0.004
            assert each.step < 200
        else:
            assert each.error < 1  # it was measured at its end, and so kept


def test_rows_go_on_in_full_precision_once_they_are_near() -> None:
    """Exact passes are few before the handover, and the only ones after it."""
    calls: list[str] = []

    def told(name: str):  # type: ignore[no-untyped-def]
        def represent(images: Tensor) -> dict[str, Tensor]:
            if images.requires_grad:
                calls.append(name)
            return {"l": images + 0}

        return represent

    found = search(
        network(told("fast"), told("exact"), handover=0.2), Paper(400, 0.02), pictures(1, 1), pictures(1, 2), 0.02
    )
    assert found[0].error <= 0.02
    change = calls.index("exact")
    assert set(calls[:change]) == {"fast"}
    assert set(calls[change:]) == {"exact"}
    _, errors = course(pictures(1, 1)[0], pictures(1, 2)[0], 0.02, 400)
    assert change == next(step for step, error in enumerate(errors) if error <= 0.2) + 1


def test_terms_may_look_at_other_layers() -> None:
    def both(images: Tensor) -> dict[str, Tensor]:
        return {"l": images.flatten(1)[:, :6], "other": images.flatten(1)[:, 6:]}

    target, start = pictures(2, 1), pictures(2, 2)
    terms = (Term(Distance()), Term(Distance("other")))
    found = search(network(both), Paper(1500, 0.003), target, start, 0.0, losses=terms, rule="best")
    distance = (images_of(found) - target).flatten(1)[:, 6:].norm(dim=1)
    assert (distance < 0.5 * (start - target).flatten(1)[:, 6:].norm(dim=1)).all()
    alone = search(network(both), Paper(1500, 0.003), target, start, 0.0, rule="best")
    unseen = images_of(alone).flatten(1)[:, 6:]
    assert torch.equal(unseen, start.flatten(1)[:, 6:])


def test_images_of_any_parameterization_lie_within_bounds_and_may_be_blocked_there() -> None:
    """Decoding Fourier coefficients gives 0 and 1 only up to rounding."""
    target = (pictures(2, 1, size=8) * 3 - 1).clamp(0, 1)
    black = torch.zeros(2, 3, 8, 8)
    found, stuck = (
        search(network(identity), Momentum(steps=60), target, black, 0.4, clamp=clamp, parameterization=Fourier())
        for clamp in ("pass", "block")
    )
    for each in found:
        assert each.error <= 0.4
        assert each.image.min() >= 0
        assert each.image.max() <= 1
    assert all("no slope" in str(each.failure) for each in stuck)


def test_two_runs_give_the_same_bytes() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten()).eval().requires_grad_(False)
    target, start = pictures(5, 1, size=8), pictures(5, 2, size=8)
    first, second = (
        search(network(lambda images: {"l": body(images)}), LBFGS(steps=40), target, start, 0.5, 0.05, batch_size=3)
        for _ in range(2)
    )
    assert torch.equal(images_of(first), images_of(second))
    assert [(each.error, each.step, each.curve) for each in first] == [
        (each.error, each.step, each.curve) for each in second
    ]


def test_a_target_that_is_represented_by_zeros_is_infinitely_far_unless_matched() -> None:
    representation = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert relative_error(representation, torch.zeros(2, 2)).tolist() == [math.inf, 0.0]


def test_an_empty_queue_gives_nothing() -> None:
    assert search(network(identity), Paper(3), pictures(0, 1), pictures(0, 2), 0.1, batch_size=4) == []
