"""The command, from recipe to store: what it makes, that it makes it again, and that it can be killed."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from app.store import Store
from generator.check import check
from generator.recipe import read_recipe
from generator.run import run
from generator.starts import draw_start
from generator.stimuli import decode
from tests.generator.nets import save_checkpoint, save_recipe

CPU = torch.device("cpu")
COMMAND = [str(Path(sys.executable).parent / "alike-generate")]


def generate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], text=True, capture_output=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store, str]:
    folder = tmp_path_factory.mktemp("run")
    recipe = save_recipe(folder)
    store = Store(str(folder / "store"))
    (found,) = run(read_recipe(recipe), store, CPU)
    return recipe, store, found.set_id


def test_what_a_set_holds(made: tuple[Path, Store, str]) -> None:
    recipe, store, identity = made
    found = store.get_set(identity)
    assert found.name == "test/net"
    assert found.source.layer == "layer1"
    assert found.source.optimizer == "adam(lr=0.02, steps=30)"
    assert (found.source.stop, found.source.clamp, found.source.relu) == ("error ≤ 0.3", "pass", "true")
    assert (found.source.parameterization, found.source.transforms) == ("pixel", "none")
    assert len(found.source.weights_sha256 or "") == 64
    assert len(found.items) == 6
    assert {item.label for item in found.items} == {"class-0", "class-1"}
    for item in found.items:
        assert item.measures["optimizer_error"] <= 0.3
        assert item.valid == (
            item.measures["representation_error"] <= 0.5
            and item.measures["representation_error"] < found.null["relative"].quantiles["1"]
        )
        assert decode(store.image(item.reconstruction.sha256)).shape == (32, 32, 3)
    assert list(store.verify()) == []
    assert str(recipe.parent) not in store.get_set(identity).encode().decode()  # no path of this machine


def test_a_second_run_makes_nothing_and_names_the_same_set(made: tuple[Path, Store, str]) -> None:
    recipe, store, identity = made
    (again,) = run(read_recipe(recipe), store, CPU)
    assert again.set_id == identity
    assert len(store.runs(identity)) == 1


def test_another_store_gets_the_same_set(made: tuple[Path, Store, str], tmp_path: Path) -> None:
    recipe, _, identity = made
    (again,) = run(read_recipe(recipe), Store(str(tmp_path / "store")), CPU)
    assert again.set_id == identity


def test_starts_are_shared_across_models_and_differ_between_targets(tmp_path: Path) -> None:
    text = save_recipe(tmp_path).read_text()
    save_checkpoint(tmp_path / "other.pt", rng_seed=9)
    second = (
        text[text.index("[[models]]") : text.index("[[optimizers]]")]
        .replace('"net"', '"other"')
        .replace("net.pt", "other.pt")
    )
    recipe = tmp_path / "two.toml"
    recipe.write_text(text.replace("[[optimizers]]", second + "[[optimizers]]").replace("steps = 30", "steps = 2"))
    store = Store(str(tmp_path / "store"))
    one, two = (store.get_set(m.set_id) for m in run(read_recipe(recipe), store, CPU))
    assert [item.start for item in one.items] == [item.start for item in two.items]
    assert [item.target_id for item in one.items] == [item.target_id for item in two.items]
    assert len({item.start.sha256 for item in one.items}) == 6
    assert one.source.weights_sha256 != two.source.weights_sha256


def test_another_model_in_the_recipe_leaves_the_sets_that_are_there(
    made: tuple[Path, Store, str], tmp_path: Path
) -> None:
    recipe, store, identity = made
    text = recipe.read_text()
    wider = text.replace('layers = ["layer1"]', 'layers = ["stem", "layer1"]').replace(
        "[[optimizers]]", '[[optimizers]]\nkind = "paper"\nsteps = 2\n\n[[optimizers]]'
    )
    path = recipe.with_name("wider.toml")
    path.write_text(wider)
    sets = list(run(read_recipe(path), store, CPU))
    conditions = {tuple(s.condition.split("(")[0].split(" · ")[::3]): s.set_id for s in sets}
    assert set(conditions) == {(layer, optimizer) for layer in ("stem", "layer1") for optimizer in ("paper", "adam")}
    assert conditions["layer1", "adam"] == identity
    assert sets[0].set_id == identity  # what is there comes first
    assert len(store.runs(identity)) == 1
    assert len({s.set_id for s in sets}) == 4


def test_a_picture_that_was_lost_is_made_again(made: tuple[Path, Store, str], tmp_path: Path) -> None:
    recipe, _, identity = made
    store = Store(str(tmp_path / "store"))
    list(run(read_recipe(recipe), store, CPU))
    item = store.get_set(identity).items[3]
    for image in (item.target, item.reconstruction):
        (tmp_path / "store" / "images" / image.sha256[:2] / f"{image.sha256}.png").unlink()
    assert list(store.verify())
    assert [again.set_id for again in run(read_recipe(recipe), store, CPU)] == [identity]
    assert list(store.verify()) == []


def test_what_a_default_means_is_written_down(made: tuple[Path, Store, str]) -> None:
    _, store, identity = made
    told = store.get_set(identity).recipe
    assert told["optimizer"] == {
        "kind": "adam",
        "lr": 0.02,
        "steps": 30,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
    }


def test_one_start_for_all_is_the_papers_preset(tmp_path: Path) -> None:
    recipe = read_recipe(save_recipe(tmp_path, **{"rng_seed = 5": "rng_seed = 5\none_start_for_all = true"}))
    targets = recipe.chosen_targets().value.load(0).targets
    (start,) = recipe.chosen_starts()
    drawn = {draw_start(start, targets, i, 0, 0, one_for_all=True)[1].tobytes() for i in range(len(targets))}
    assert len(drawn) == 1


def test_killed_and_started_again_it_gives_the_same_set(made: tuple[Path, Store, str], tmp_path: Path) -> None:
    recipe, _, identity = made
    folder = tmp_path / "store"
    store = Store(str(folder))
    process = subprocess.Popen(
        [*COMMAND, "run", str(recipe), "--store", str(folder), "--device", "cpu", "--workers", "1"],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob("units/*/*-00000.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    first = list(folder.glob("units/*/*-00000.json"))
    assert len(first) == 1
    kept = first[0].stat().st_mtime_ns
    done = generate("run", str(recipe), "--store", str(folder), "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert store.set_ids() == [identity]
    assert first[0].stat().st_mtime_ns == kept  # the finished batch was not made again
    assert list(store.verify()) == []


def test_stopped_by_hand_it_says_how_to_go_on(made: tuple[Path, Store, str], tmp_path: Path) -> None:
    recipe = save_recipe(tmp_path, **{"steps = 30": "steps = 100000", "at = 0.3": "at = 1e-9"})
    process = subprocess.Popen(
        [*COMMAND, "run", str(recipe), "--store", str(tmp_path / "store"), "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    while "images" not in shown:
        shown += process.stderr.read(1)
    time.sleep(2)
    os.kill(process.pid, signal.SIGINT)
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert "goes on where it was" in told
    assert "Traceback" not in told


def test_check_measures_again_and_finds_a_change(made: tuple[Path, Store, str], tmp_path: Path) -> None:
    _, store, identity = made
    good = generate("check", identity[:8], "--store", store.url)
    assert (good.returncode, good.stdout) == (0, "every measure came back\n"), good.stderr
    found = store.get_set(identity)
    item = found.items[0]
    lied = item.model_copy(update={"measures": {**item.measures, "representation_error": 0.001}})
    other = found.model_copy(update={"name": "lied", "items": (lied, *found.items[1:])})
    store.add_set(other, store.runs(identity)[0])
    bad = generate("check", "lied", "--store", store.url)
    assert bad.returncode == 1
    assert "representation_error" in bad.stdout
    assert item.target_id in bad.stdout
    barred = item.model_copy(update={"valid": not item.valid})
    store.add_set(
        found.model_copy(update={"name": "barred", "items": (barred, *found.items[1:])}), store.runs(identity)[0]
    )
    assert [(d.target_id, d.measure) for d in check(store, "barred", CPU, None)] == [(item.target_id, "valid")]
    wrong = generate(
        "check", identity, "--store", store.url, "--checkpoint", str(save_checkpoint(tmp_path / "w.pt", 3))
    )
    assert wrong.returncode == 2
    assert "--checkpoint" in wrong.stderr


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    made: tuple[Path, Store, str], tmp_path: Path
) -> None:
    """No file may grow beyond 4 KiB: pictures fit, a unit of them does not."""
    recipe, _, identity = made
    command = [*COMMAND, "run", str(recipe), "--store", str(tmp_path / "store"), "--workers", "1", "--device", "cpu"]
    full = subprocess.run(
        command,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    line = full.stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert full.returncode == 2, full.stderr
    assert "cannot be written" in line
    assert "File too large" in line
    assert not [file for file in (tmp_path / "store").rglob("*") if file.name.startswith(".")]  # nothing half-written
    assert list(Store(str(tmp_path / "store")).verify()) == []
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert Store(str(tmp_path / "store")).set_ids() == [identity]
