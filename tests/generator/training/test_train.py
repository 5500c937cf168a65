"""Training: once for a recipe, all or nothing, and two networks that differ in their loss alone."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from generator.errors import GeneratorError
from generator.models import build
from generator.models.weights import file_sha256
from generator.training.recipe import TrainRecipe, read_train_recipe
from generator.training.train import train

CPU = torch.device("cpu")
ATTACK = {"epsilon": 2.0, "step_size": 2.0}


def small(**changes: object) -> TrainRecipe:
    """Two networks, three batches of 20 crops each."""
    settings: dict[str, object] = {
        "batch_size": 20,
        "data": {"crops_per_photograph": 4, "heldout_per_photograph": 1},
        "networks": [{"name": "standard", "epochs": 1}, {"name": "robust", "epochs": 1, "attack": ATTACK}],
    }
    return TrainRecipe.model_validate({**settings, **changes})


def weights(path: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return loaded


def convolutions(path: Path) -> torch.Tensor:
    return torch.cat([tensor.flatten() for name, tensor in weights(path).items() if ".conv" in name])


def test_weights_are_made_once_and_used_again(tmp_path: Path) -> None:
    first = train(small(), tmp_path, CPU)
    assert [trained.name for trained in first] == ["standard", "robust"]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert train(small(), tmp_path, CPU) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written

    longer = small(networks=[{"name": "standard", "epochs": 1}, {"name": "robust", "epochs": 2, "attack": ATTACK}])
    again = train(longer, tmp_path, CPU)
    assert again[0] == first[0]  # the other network's settings do not decide its weights
    assert again[1].sha256 != first[1].sha256


def test_damaged_weights_are_made_again_and_are_the_same(tmp_path: Path) -> None:
    first = train(small(), tmp_path, CPU)
    (tmp_path / "robust.pt").write_bytes(b"half of a fi")
    (tmp_path / "standard.json").write_text("{")
    again = train(small(), tmp_path, CPU)
    assert [trained.sha256 for trained in again] == [trained.sha256 for trained in first]
    assert file_sha256(tmp_path / "robust.pt") == first[1].sha256


def test_the_report_says_what_was_made(tmp_path: Path) -> None:
    (_, trained) = train(small(), tmp_path, CPU)
    report = json.loads((tmp_path / "robust.json").read_text())
    assert report["sha256"] == file_sha256(tmp_path / "robust.pt") == trained.sha256
    assert report["checkpoint"] == "robust.pt"
    assert report["robust_epsilon"] == 1.0
    assert 0 <= report["robust_accuracy"] <= 1
    assert 0 <= report["accuracy"] <= 1
    assert report["seconds"] > 0


def test_weights_load_as_a_model_under_study(tmp_path: Path) -> None:
    (trained, _) = train(small(), tmp_path, CPU)
    built = build("small_resnet", "small_resnet", checkpoint=tmp_path / trained.checkpoint)
    assert built.weights_sha256 == trained.sha256
    assert built.module(torch.rand(2, 3, 32, 32)).shape == (2, 15)
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path / trained.checkpoint).values())


def test_the_networks_begin_alike_and_the_loss_sets_them_apart(tmp_path: Path) -> None:
    train(small(learning_rate=1e-12, weight_decay=0.0), tmp_path / "begun", CPU)
    standard, robust = (convolutions(tmp_path / "begun" / f"{name}.pt") for name in ("standard", "robust"))
    assert torch.allclose(standard, robust, atol=1e-8)
    train(small(), tmp_path / "done", CPU)
    far_standard, far_robust = (convolutions(tmp_path / "done" / f"{name}.pt") for name in ("standard", "robust"))
    moved = (far_standard - standard).norm()
    assert moved > 0
    assert (far_robust - far_standard).norm() > 0.1 * moved


def test_the_seed_decides_the_initial_weights(tmp_path: Path) -> None:
    for rng_seed in (0, 1):
        train(small(rng_seed=rng_seed, learning_rate=1e-12), tmp_path / str(rng_seed), CPU)
    assert not torch.allclose(convolutions(tmp_path / "0/standard.pt"), convolutions(tmp_path / "1/standard.pt"))


def test_a_killed_training_leaves_nothing_behind_that_counts(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('batch_size = 20\ndata.crops_per_photograph = 4\n[[networks]]\nname = "net"\nepochs = 100000\n')
    out = tmp_path / "out"
    program = (
        "import sys, torch; from pathlib import Path; from generator.training.recipe import read_train_recipe; "
        "from generator.training.train import train; "
        "train(read_train_recipe(Path(sys.argv[1])), Path(sys.argv[2]), torch.device('cpu'))"
    )
    command = [sys.executable, "-c", program, str(recipe), str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        seen = b""
        while b"loss=" not in seen:  # it has begun to learn
            seen += running.stderr.read(1)
            assert running.poll() is None, seen
        running.send_signal(signal.SIGKILL)
    assert list(out.iterdir()) == []


def test_a_diverging_training_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(
        GeneratorError, match=r"network standard is not a number at batch \d; use a smaller learning_rate"
    ):
        train(small(learning_rate=1e30), tmp_path, CPU)
    assert list(tmp_path.iterdir()) == []


def test_fewer_crops_than_a_batch_is_said(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="batch_size 64 is more than the 60 training crops"):
        train(small(batch_size=64), tmp_path, CPU)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GeneratorError, match="file/models cannot be written"):
        train(small(), tmp_path / "file/models", CPU)


NETWORK = '[[networks]]\nname = "a"\nepochs = 1\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("networks = [", "is not a TOML file"),
        ("", "networks: Field required"),
        (NETWORK + "attack = { epsilon = 0, step_size = 1 }\n", "networks.0.attack.epsilon"),
        (NETWORK + "attak = 1\n", "networks.0.attak: Extra inputs"),
        (NETWORK + NETWORK, "two have the same name among a, a"),
        (NETWORK.replace('"a"', '"../a"'), "networks.0.name"),
    ],
)
def test_bad_recipes_are_one_line_that_names_the_field(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(GeneratorError) as raised:
        read_train_recipe(path)
    assert line in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_demo_recipe_is_read() -> None:
    recipe = read_train_recipe(Path(__file__).parents[3] / "examples/demo/train.toml")
    standard, robust = recipe.networks
    assert standard.attack is None
    assert robust.attack is not None
    assert standard.epochs == robust.epochs  # the loss is the only difference
