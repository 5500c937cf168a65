"""The adversary, against what is known of a linear network; the fit, against plain SGD."""

import torch
from torch import nn

from generator.training.attack import perturb
from generator.training.fit import fit
from generator.training.recipe import Attack, TrainRecipe


def linear(rng_seed: int = 0) -> tuple[nn.Module, torch.Tensor]:
    matrix = torch.randn((2, 12), generator=torch.Generator().manual_seed(rng_seed))
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2, bias=False))
    module[1].weight = nn.Parameter(matrix.clone())
    return module, matrix


def test_the_worst_direction_of_a_linear_network_is_found() -> None:
    """Between two classes the loss rises fastest along w_other − w_own: there the best point of the ball is known."""
    module, matrix = linear()
    images, labels = torch.full((3, 3, 2, 2), 0.5), torch.tensor([0, 1, 0])
    found = perturb(module, images, labels, Attack(epsilon=0.1, steps=5, step_size=0.1), None)
    direction = matrix[1 - labels] - matrix[labels]
    expected = images.flatten(1) + 0.1 * direction / direction.norm(dim=1, keepdim=True)
    assert torch.allclose(found.flatten(1), expected, atol=1e-5)


def test_the_attack_stays_in_the_ball_and_in_the_picture() -> None:
    module, _ = linear()
    rng = torch.Generator().manual_seed(1)
    images = torch.rand((40, 3, 2, 2), generator=rng)
    labels = torch.randint(2, (40,), generator=rng)
    for start in (None, rng):
        found = perturb(module, images, labels, Attack(epsilon=1.5, steps=3, step_size=1.0), start)
        assert 0 <= found.min() <= found.max() <= 1
        assert (found - images).flatten(1).norm(dim=1).max() <= 1.5 + 1e-5
        loss = nn.functional.cross_entropy
        assert loss(module(found), labels) > loss(module(images), labels)


def test_shares_of_a_batch_give_the_gradient_of_the_batch() -> None:
    """With no batch norm, learning in shares is plain SGD on whole batches, up to bfloat16."""
    rng = torch.Generator().manual_seed(2)
    images, labels = torch.rand((30, 3, 2, 2), generator=rng), torch.randint(2, (30,), generator=rng)
    recipe = TrainRecipe.model_validate(
        {"batch_size": 15, "weight_decay": 0.0, "networks": [{"name": "a", "epochs": 2}], "rng_seed": 4}
    )
    module, before = linear()
    threads = torch.get_num_threads()
    fit(module, images, labels, recipe, recipe.networks[0])
    assert torch.get_num_threads() == threads

    expected, _ = linear()
    optimizer = torch.optim.SGD(expected.parameters(), 0.1, 0.9, nesterov=True)
    order = torch.Generator().manual_seed(4)
    rates = iter([0.004, 0.1, 0.075, 0.025])  # a quarter of warm-up, then half a cosine
    for _ in range(2):
        shuffled = torch.randperm(30, generator=order)
        for chosen in (shuffled[:15], shuffled[15:]):
            optimizer.param_groups[0]["lr"] = next(rates)
            optimizer.zero_grad()
            nn.functional.cross_entropy(expected(images[chosen]), labels[chosen]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    learned, plain = (next(m.parameters()).detach() - before for m in (module, expected))
    assert plain.norm() > 0.01
    assert (learned - plain).norm() < 0.03 * plain.norm()
