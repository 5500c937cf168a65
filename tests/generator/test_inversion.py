import pytest
import torch
from torch import nn

from generator.inversion import NotFinite, State, invert, relative_error
from generator.losses.relative_l2 import RelativeL2
from generator.optimizers.adam import Adam
from generator.optimizers.paper import Paper
from generator.representation import Layer, layer_shapes
from tests.generator.nets import Linear, Raising

SHAPE = (3, 2, 2)


def pictures(n: int, rng_seed: int) -> torch.Tensor:
    return torch.rand((n, *SHAPE), generator=torch.Generator().manual_seed(rng_seed))


def identity(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1)


@pytest.mark.parametrize(
    "optimizer", [Adam(lr=0.01, steps=600, stop_at=3e-3), Paper(steps=3000, step_size=0.01, stop_at=5e-3)]
)
def test_a_network_without_invariance_gives_the_target_back(optimizer: Adam | Paper) -> None:
    target, start = pictures(3, 1), pictures(3, 2)
    found = invert(identity, RelativeL2(), optimizer, target, start)
    assert (found.images - target).abs().max() < 0.01
    assert (found.errors <= (optimizer.stop_at or 0)).all()


def test_what_a_linear_network_cannot_see_stays_as_it_was() -> None:
    """g(x) = Ax: gradient steps move within the row space of A alone, so the start's null-space part remains."""
    matrix = torch.randn((4, 12), generator=torch.Generator().manual_seed(0)) * 0.1
    network = Linear(matrix).eval()
    target, start = 0.4 + 0.2 * pictures(2, 1), 0.4 + 0.2 * pictures(2, 2)
    found = invert(Layer(network, network, "map"), RelativeL2(), Paper(2000, 0.005, 1e-2), target, start)
    assert (found.errors <= 1e-2).all()
    _, _, rows = torch.linalg.svd(matrix)
    null = rows[4:]
    assert torch.allclose(found.images.flatten(1) @ null.T, start.flatten(1) @ null.T, atol=1e-4)


def test_the_papers_step_is_normalized_per_image() -> None:
    images, gradient = torch.full((2, *SHAPE), 0.5), torch.zeros((2, *SHAPE))
    gradient[0, 0, 0, 0], gradient[1, 1, 1, 1] = 3.0, 1e-4
    moved = Paper(step_size=0.2).step(images, gradient, None, torch.arange(2), 0)
    assert moved[0, 0, 0, 0] == pytest.approx(0.3)
    assert moved[1, 1, 1, 1] == pytest.approx(0.3)
    assert (moved - images).flatten(1).norm(dim=1).tolist() == pytest.approx([0.2, 0.2])


def test_adam_is_torchs_adam() -> None:
    ours, theirs = pictures(2, 1), nn.Parameter(pictures(2, 1))
    reference = torch.optim.Adam([theirs], lr=0.03)
    optimizer = Adam(lr=0.03)
    memory = optimizer.begin(ours)
    for i in range(20):
        gradient = pictures(2, 100 + i) - 0.5
        ours = optimizer.step(ours, gradient, memory, torch.arange(2), i)
        theirs.grad = gradient.clone()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_it_stops_at_the_first_iterate_that_is_good_enough() -> None:
    target, start = pictures(4, 1), pictures(4, 2)
    whole = invert(identity, RelativeL2(), Adam(lr=0.02, steps=60), target, start)
    errors: list[list[float]] = []

    class Recording(RelativeL2):
        def __call__(self, state: State) -> torch.Tensor:
            loss = super().__call__(state)
            if len(state.image) == 4:
                errors.append(relative_error(state.representation, state.target_representation).tolist())
            return loss

    invert(identity, Recording(), Adam(lr=0.02, steps=60), target, start)
    stopped = invert(identity, RelativeL2(), Adam(lr=0.02, steps=60, stop_at=0.2), target, start)
    for i in range(4):
        first = next(step for step, row in enumerate(errors) if row[i] <= 0.2)
        assert stopped.steps[i] == first
        assert stopped.errors[i] == pytest.approx(errors[first][i], rel=1e-5)
    assert (whole.errors < stopped.errors).all()


def test_without_a_threshold_the_best_iterate_is_kept() -> None:
    """Steps of 1 overshoot; the last iterate is not the best one."""
    found = invert(identity, RelativeL2(), Paper(steps=40, step_size=1.0), pictures(3, 1), pictures(3, 2))
    assert torch.allclose(relative_error(identity(found.images), identity(pictures(3, 1))), found.errors)
    assert (found.steps < 40).all()


def test_pixels_at_the_bounds_still_move() -> None:
    """The fault of newer clamps: a start of all black must not be stuck."""
    found = invert(
        identity, RelativeL2(), Adam(lr=0.05, steps=200, stop_at=1e-2), pictures(2, 1), torch.zeros(2, *SHAPE)
    )
    assert (found.errors <= 1e-2).all()
    assert found.images.min() >= 0
    assert found.images.max() <= 1


def test_an_image_does_not_depend_on_its_batch() -> None:
    matrix = torch.randn((6, 12), generator=torch.Generator().manual_seed(0)) * 0.1
    network = Linear(matrix).eval()
    layer = Layer(network, network, "map")
    target, start = pictures(5, 1), pictures(5, 2)
    optimizer = Adam(lr=0.02, steps=100, stop_at=0.05)
    together = invert(layer, RelativeL2(), optimizer, target, start)
    for i in range(5):
        alone = invert(layer, RelativeL2(), optimizer, target[i : i + 1], start[i : i + 1])
        assert torch.allclose(alone.images[0], together.images[i], atol=1e-4)
        assert alone.steps[0] == together.steps[i]


def test_a_loss_that_is_no_number_names_the_image() -> None:
    def broken(images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        return torch.where(torch.arange(len(flat)).view(-1, 1) == 1, flat * torch.nan, flat)

    with pytest.raises(NotFinite) as problem:
        invert(broken, RelativeL2(), Adam(lr=0.1), pictures(3, 1), pictures(3, 2))
    assert problem.value.index == 1


def test_nothing_after_the_layer_is_computed_and_parameters_stay() -> None:
    network = Linear(torch.eye(12))
    network.after = Raising()  # type: ignore[assignment]
    network.eval().requires_grad_(False)
    before = network.map.weight.clone()
    layer = Layer(network, network, "map")
    images = pictures(2, 1).requires_grad_(True)
    layer(images).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert network.map.weight.grad is None
    assert torch.equal(before, network.map.weight)
    assert not network._forward_hooks


def test_layers_are_listed_with_their_shapes() -> None:
    network = Linear(torch.eye(12))
    assert dict(layer_shapes(network, network, pictures(1, 1))) == {"flatten": (12,), "map": (12,), "after": (12,)}
