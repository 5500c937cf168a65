"""Each optimizer's step against its formula, torch's own, or scipy's."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from generator.inversion import Optimizer, Rows
from generator.optimizers import OPTIMIZERS
from generator.optimizers.adam import Adam
from generator.optimizers.lbfgs import LBFGS
from generator.optimizers.metamer import Metamer
from generator.optimizers.momentum import Momentum
from generator.optimizers.paper import Paper
from tests.generator.parts import pictures

ALL: list[Optimizer] = [Paper(), Metamer(), Adam(lr=0.02), Momentum(), LBFGS()]


def iterations(*values: int) -> Tensor:
    return torch.tensor(values)


def test_the_table_holds_them_all() -> None:
    assert list(OPTIMIZERS.values()) == [type(each) for each in ALL]


def test_the_papers_step_is_normalized_per_image() -> None:
    images, gradient = torch.full((2, 3, 2, 2), 0.5), torch.zeros(2, 3, 2, 2)
    gradient[0, 0, 0, 0], gradient[1, 1, 1, 1] = 3.0, 1e-4
    moved, _ = Paper(step_size=0.2).step(images, gradient, torch.ones(2), {}, iterations(0, 7))
    expected = images.clone()
    expected[0, 0, 0, 0] = expected[1, 1, 1, 1] = 0.3
    assert torch.allclose(moved, expected)


@pytest.mark.parametrize(
    ("iteration", "size"),
    [
        (0, 1),
        (2999, 1),
        (3000, 1 / 2),
        (5999, 1 / 2),
        (6000, 1 / 4),
        (12_000, 1 / 16),
        (21_000, 1 / 128),
        (24_000, 1 / 128),
    ],
)
def test_metamers_steps_are_halved_every_3000(iteration: int, size: float) -> None:
    images, gradient = torch.full((1, 3, 2, 2), 0.5), pictures(1, 1) - 0.5
    moved, _ = Metamer().step(images, gradient, torch.ones(1), {}, iterations(iteration))
    assert float((moved - images).norm()) == pytest.approx(size, rel=1e-4)
    assert torch.allclose((moved - images) / size, -gradient / gradient.norm(), atol=1e-4)


def test_adam_is_torchs_adam() -> None:
    ours, theirs = pictures(2, 1), nn.Parameter(pictures(2, 1))
    reference = torch.optim.Adam([theirs], lr=0.03)
    optimizer = Adam(lr=0.03)
    memory = optimizer.begin(ours)
    for i in range(20):
        gradient = pictures(2, 100 + i) - 0.5
        ours, memory = optimizer.step(ours, gradient, torch.ones(2), memory, iterations(i, i))
        theirs.grad = gradient.clone()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_momentum_is_its_formula() -> None:
    """Line by line in numpy, with two values at the bounds: one is pushed outwards, one inwards."""
    optimizer = Momentum(step_size=0.5, beta=0.7, floor=0.1)
    z = pictures(1, 1).double()
    z[0, 0, 0, 0], z[0, 0, 0, 1] = 0.0, 1.0
    memory = optimizer.begin(z)
    x, velocity = z.numpy().ravel(), np.zeros(12)
    for i in range(3):
        gradient = pictures(1, 50 + i).double() - 0.5
        gradient[0, 0, 0, :] = torch.tensor([0.4, 0.3])
        loss = 0.9 - 0.2 * i
        z, memory = optimizer.step(z, gradient, torch.tensor([loss], dtype=torch.float64), memory, iterations(i))
        g = gradient.numpy().ravel().copy()
        if i == 0:
            g[0] = 0  # at 0, and descent would make it smaller; the value at 1 is free to come down
        velocity = 0.7 * velocity + g / np.linalg.norm(g)
        x = x - 0.5 * (loss - 0.1) / np.linalg.norm(g) * velocity
        np.testing.assert_allclose(z.numpy().ravel(), x, rtol=1e-12)
        z, x = z + 0.01, x + 0.01


def test_other_parameterizations_have_no_bounds() -> None:
    """Coefficients lie on both sides of 0: all of them move."""
    z = torch.tensor([[[[-0.5, 0.0, 2.0]]]])
    for optimizer in (Momentum(), LBFGS()):
        moved, _ = optimizer.step(z, torch.ones_like(z), torch.ones(1), optimizer.begin(z), iterations(0))
        assert (moved < z).all()


def norm_of(matrix: np.ndarray, x: np.ndarray, goal: np.ndarray) -> tuple[float, np.ndarray]:
    difference = matrix @ x - goal
    return float(np.linalg.norm(difference)), matrix.T @ difference / np.linalg.norm(difference)


def walk(
    optimizer: Optimizer, matrix: np.ndarray, x: np.ndarray, goal: np.ndarray, steps: int
) -> tuple[np.ndarray, list[float]]:
    """Minimize ‖Ax − b‖ in [0, 1]: where it ends, and the norm at each iterate."""
    z = torch.from_numpy(x).view(1, 1, 1, -1)
    memory, norms = optimizer.begin(z), []
    for i in range(steps):
        value, gradient = norm_of(matrix, z.numpy().ravel(), goal)
        norms.append(value)
        if value < 1e-9:
            break
        step = torch.from_numpy(gradient).view_as(z), torch.tensor([value], dtype=torch.float64), memory, iterations(i)
        z, memory = optimizer.step(z, *step)
        z = z.clamp(0, 1)
    return z.numpy().ravel(), norms


def problem(condition: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    left, right = (np.linalg.qr(rng.standard_normal((12, 12)))[0] for _ in range(2))
    matrix = left @ np.diag(np.geomspace(1, 1 / condition, 12)) @ right
    return matrix, rng.uniform(0.2, 0.8, 12), rng.uniform(0.2, 0.8, 12)


def test_lbfgs_ends_where_scipys_does_on_a_quadratic() -> None:
    """½‖Ax − b‖² in a box. With a goal inside both find the only solution; with one outside both stop at the same face."""
    matrix, start, solution = problem(condition=10)
    for goal in (matrix @ solution, matrix @ (solution + np.linspace(-0.6, 0.6, 12))):

        def half_square(x: np.ndarray, goal: np.ndarray = goal) -> tuple[float, np.ndarray]:
            difference = matrix @ x - goal
            return 0.5 * float(difference @ difference), matrix.T @ difference

        bounds = [(0.0, 1.0)] * 12
        theirs = minimize(
            half_square, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-10}
        )
        ours, norms = walk(LBFGS(steps=400), matrix, start, goal, 400)
        assert 0.5 * norms[-1] ** 2 == pytest.approx(theirs.fun, abs=1e-5)
        assert np.abs(ours - theirs.x).max() < 0.02


def test_lbfgs_needs_few_iterations_where_the_gradient_alone_needs_many() -> None:
    matrix, start, solution = problem(condition=30)
    goal = matrix @ solution
    _, fast = walk(LBFGS(), matrix, start, goal, 2000)
    _, slow = walk(Momentum(beta=0.0, step_size=1.0), matrix, start, goal, 2000)

    def steps_to(norms: list[float]) -> float:
        return next((i for i, norm in enumerate(norms) if norm < 1e-3 * norms[0]), math.inf)

    assert 4 * steps_to(fast) < steps_to(slow)


def test_lbfgs_goes_back_after_a_step_that_made_it_worse() -> None:
    optimizer = LBFGS(worse=1.1)
    z = torch.full((2, 1, 1, 4), 0.5)
    gradient = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(1, 1, 1, 4).repeat(2, 1, 1, 1)
    first, memory = optimizer.step(z, gradient, torch.tensor([0.4, 0.4]), optimizer.begin(z), iterations(0, 0))
    assert torch.allclose((first - z).flatten(1).norm(dim=1), torch.full((2,), 0.4 / 2))  # f/‖∇f‖
    second, _ = optimizer.step(first, gradient, torch.tensor([0.5, 0.3]), memory, iterations(1, 1))
    assert torch.allclose(second[0], (z + first)[0] / 2)
    assert (second[1] - first[1]).norm() > 0


@pytest.mark.parametrize("optimizer", ALL, ids=[type(each).__name__ for each in ALL])
def test_rows_may_leave_and_enter(optimizer: Optimizer) -> None:
    """Row 1 leaves after four steps and another enters at its own iteration 0: the others do not notice."""

    def step(z: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:
        difference = z - 0.3 - 0.1 * torch.arange(12).view(3, 2, 2) / 12
        norms = difference.flatten(1).norm(dim=1)
        moved, memory = optimizer.step(z, difference / norms.view(-1, 1, 1, 1), norms, memory, iteration)
        return moved.clamp(0, 1), memory

    together = pictures(3, 1)
    memory = optimizer.begin(together)
    assert all(len(values) == 3 for values in memory.values())
    for i in range(4):
        together, memory = step(together, memory, iterations(i, i, i))
    keep, fresh = torch.tensor([0, 2]), pictures(1, 9)
    together = torch.cat([together[keep], fresh])
    memory = {name: torch.cat([memory[name][keep], new]) for name, new in optimizer.begin(fresh).items()}
    for i in range(4, 10):
        together, memory = step(together, memory, iterations(i, i, i - 4))
    for row, (begun, steps) in enumerate([(pictures(3, 1)[:1], 10), (pictures(3, 1)[2:], 10), (fresh, 6)]):
        alone, own = begun, optimizer.begin(begun)
        for i in range(steps):
            alone, own = step(alone, own, iterations(i))
        assert torch.allclose(alone[0], together[row], atol=1e-5)
