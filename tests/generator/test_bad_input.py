"""Whatever is wrong with the input: one line that says what, where, and what would be accepted; nothing half-written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.store import Store
from generator.cli import main
from tests.factories import create_stimulus_set
from tests.generator.nets import save_checkpoint, save_recipe


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command, run in this process (torch takes seconds to load)."""

    def call(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["alike-generate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return call


def edit(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        recipe = folder / "recipe.toml"
        assert old in recipe.read_text()
        recipe.write_text(recipe.read_text().replace(old, new))

    return change


def truncate(folder: Path) -> None:
    file = next((folder / "targets").rglob("*.png"))
    file.write_bytes(file.read_bytes()[:60])


def resize(folder: Path) -> None:
    file = next((folder / "targets").rglob("*.png"))
    with Image.open(file) as picture:
        smaller = picture.resize((16, 32))
    smaller.save(file)


def poison(folder: Path) -> None:
    weights = torch.load(save_checkpoint(folder / "net.pt"), weights_only=True)
    weights["stem.0.weight"].fill_(torch.nan)
    torch.save(weights, folder / "net.pt")


def forget(folder: Path) -> None:
    weights = torch.load(folder / "net.pt", weights_only=True)
    del weights["layer3.conv1.weight"]
    torch.save(weights, folder / "net.pt")


def draw_deep(folder: Path) -> None:
    file = next((folder / "targets").rglob("*.png"))
    Image.fromarray(np.zeros((32, 32), np.uint16)).save(file)


def draw_transparent(folder: Path) -> None:
    file = next((folder / "targets").rglob("*.png"))
    Image.fromarray(np.full((32, 32, 4), 128, np.uint8)).save(file)


def shrink(folder: Path) -> None:
    for file in (folder / "targets").rglob("*.png"):
        with Image.open(file) as picture:
            smaller = picture.resize((9, 12))
        smaller.save(file)


def silence(folder: Path) -> None:
    """The network gives zeros for black pictures."""
    weights = torch.load(folder / "net.pt", weights_only=True)
    for name, values in weights.items():
        if "layer1.bn2.weight" in name:
            values.zero_()
        if "layer1.bn2.bias" in name:
            values.fill_(-1e6)
    torch.save(weights, folder / "net.pt")


WITHOUT_CHECKPOINT = 'family = "small_resnet"\narchitecture = "small_resnet"\ncheckpoint = "net.pt"\nn_classes = 4'

CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "unknown model": (
        edit('architecture = "small_resnet"', 'architecture = "smal_resnet"'),
        "nearest are small_resnet",
    ),
    "unknown family": (edit('family = "small_resnet"', 'family = "keras"'), "known are torchvision, small_resnet"),
    "unknown layer": (edit('layers = ["layer1"]', 'layers = ["layer9"]'), "nearest are layer"),
    "unknown start": (
        edit('starts = ["grey-noise"]', 'starts = ["pink"]'),
        "line 6: starts.0: start 'pink' is unknown; known are super-noise",
    ),
    "unknown optimizer": (edit('kind = "adam"', 'kind = "sgd"'), "known are paper, metamer, adam"),
    "unknown setting": (edit("lr = 0.02", "learning_rate = 0.02"), "known are lr, steps"),
    "unknown field": (
        edit("tau = 0.5", "tau = 0.5\ntauu = 1"),
        "line 5: tauu: Extra inputs are not permitted; known are stop",
    ),
    "not TOML": (edit("tau = 0.5", "tau ="), "not a TOML file"),
    "tau of zero": (edit("tau = 0.5", "tau = 0"), "tau: Input should be greater than 0"),
    "tau without end": (edit("tau = 0.5", "tau = inf"), "tau: Input should be a finite number"),
    "tau that none can reach": (edit("at = 0.3", "at = 0.6"), "it stops at 0.6, above tau 0.5"),
    "no steps": (edit("steps = 30", "steps = 0"), "steps: adam: Input should be greater than or equal to 1"),
    "a step backwards": (edit("lr = 0.02", "lr = -1"), "lr: adam: Input should be greater than 0"),
    "no kind": (edit('kind = "adam"\n', ""), "kind None is unknown; known are paper, metamer"),
    "a list of kinds": (edit('kind = "adam"', 'kind = ["adam"]'), "kind ['adam'] is unknown; known are paper, metamer"),
    "one target": (
        edit('path = "targets"', 'path = "targets"\nlimit = 1'),
        "limit: folder: Input should be greater than",
    ),
    "two sources of weights": (
        edit('checkpoint = "net.pt"', 'checkpoint = "net.pt"\nweights = "DEFAULT"'),
        "give one of them",
    ),
    "unknown weights": (
        edit(WITHOUT_CHECKPOINT, 'architecture = "resnet18"\nweights = "IMAGENET"'),
        "known are IMAGENET1K_V1",
    ),
    "classes that the weights do not have": (
        edit(WITHOUT_CHECKPOINT, 'architecture = "resnet18"\nweights = "DEFAULT"\nn_classes = 4'),
        "have 1000 classes, not 4",
    ),
    "a layer that gives no tensor": (
        edit(
            WITHOUT_CHECKPOINT + '\ntraining = "none"\nlayers = ["layer1"]',
            'architecture = "vit_b_16"\nlayers = ["encoder.layers.encoder_layer_0.self_attention"]',
        ),
        "gives no single tensor",
    ),
    "no such folder": (edit('path = "targets"', 'path = "nothing"'), "is not a folder"),
    "unreadable picture": (truncate, "no readable picture"),
    "16 bits a value": (draw_deep, "pixels of kind I;16; expected 8 bits a value"),
    "transparent picture": (draw_transparent, "is transparent in places"),
    "pictures too small to compare": (shrink, "pictures are 9×12; 11 pixels a side at least"),
    "a target represented by zeros": (silence, "is represented by zeros (model net, layer layer1)"),
    "wrong size": (resize, "all must be of one size"),
    "no checkpoint": (lambda folder: (folder / "net.pt").unlink(), "net.pt does not exist"),
    "corrupt checkpoint": (lambda folder: (folder / "net.pt").write_bytes(b"PK\x03\x04junk"), "cannot be read"),
    "checkpoint of something else": (lambda folder: torch.save([1, 2], folder / "net.pt"), "expected a state dict"),
    "missing entry": (forget, "lacks 'layer3.conv1.weight'"),
    "weights that are no numbers": (poison, "not a number"),
    "no stop": (edit('stop = { rule = "first", at = 0.3 }\n', ""), "has no stop; write stop = { rule"),
    "a rule that is none": (edit('rule = "first"', 'rule = "last"'), "stop.rule: Input should be 'first' or 'best'"),
    "first of what": (edit("at = 0.3", 'unit = "null"'), "rule first needs at"),
    "best at what": (edit('"first", at = 0.3', '"best", at = 0.3'), "rule best takes all steps; leave at out"),
    "the best of anything": (
        lambda folder: [edit('"first", at = 0.3', '"best"')(folder), edit("tau = 0.5\n", "")(folder)],
        "with stop rule best the recipe needs tau",
    ),
    "snapshots that rise": (edit("at = 0.3", "at = 0.3, snapshots = [0.4, 0.45]"), "fall from large to small"),
    "a unit that is none": (edit("at = 0.3", 'at = 0.3, unit = "pixels"'), "'relative', 'null' or 'files'"),
    "a clamp that is none": (
        edit("tau = 0.5", 'tau = 0.5\nclamp = "soft"'),
        "clamp: Input should be 'pass' or 'block'",
    ),
    "a gate that is none": (edit("tau = 0.5", 'tau = 0.5\ngate = "wide"'), "gate: Input should be 'paper', 'metamer'"),
    "no batch": (edit("batch_size = 2", "batch_size = 0"), "line 5: batch_size"),
    "a display that nearest cannot give": (
        edit("tau = 0.5", "tau = 0.5\ndisplay = { size = 100 }"),
        "size 100 is no whole multiple of the pictures' 32 pixels",
    ),
    "a misspelt alternative": (
        edit("[targets]", '[[alternatives]]\nkind = "nearest"\nmetrics = "ssim"\n\n[targets]'),
        "known are kind, metric, max_uses",
    ),
    "classes that the targets do not have": (
        edit('kind = "folder"\npath = "targets"', 'kind = "noise"\n[[alternatives]]\nkind = "same_class"'),
        "class",
    ),
    "a loss at a layer that is not there": (
        edit("[[optimizers]]", '[[losses]]\nkind = "cosine"\nlayer = "layer9"\n\n[[optimizers]]'),
        "nearest are layer",
    ),
    "no ReLU to pass": (
        lambda folder: [
            edit('"layer1"', '"stem.0"')(folder),
            edit("tau = 0.5", 'tau = 0.5\nrelu = "identity"')(folder),
        ],
        "there is no ReLU up to this layer",
    ),
    "tau of another unit": (edit("at = 0.3", 'at = 1, unit = "files"'), "tau is a relative error; leave tau out"),
    "a percentile above all": (edit("at = 0.3", 'at = 150, unit = "null"'), "percentiles, from 0 to 100, not 150"),
    "a seed below zero": (edit("rng_seed = 5", "rng_seed = -1"), "line 3: rng_seed: Input should be greater than"),
    "replicates of one colour": (
        edit('starts = ["grey-noise"]', 'starts = ["white"]\nreplicates = 2'),
        "white is the same picture each time",
    ),
    "one start that depends on the target": (
        edit('starts = ["grey-noise"]', 'starts = ["target"]\none_start_for_all = true'),
        "one_start_for_all cannot be true",
    ),
    "a shift that leaves nothing": (
        edit(
            "[[optimizers]]",
            '[[losses]]\nkind = "cosine"\ntransforms = [{ kind = "jitter", pixels = 40 }]\n\n[[optimizers]]',
        ),
        "leaves nothing of 32",
    ),
    "a gate that needs classes": (
        lambda folder: [
            edit(WITHOUT_CHECKPOINT, 'family = "control"\narchitecture = "greyscale"')(folder),
            edit('"layer1"', '"out"')(folder),
            edit("tau = 0.5", 'tau = 0.5\ngate = "metamer"')(folder),
        ],
        "gate metamer needs a network that names classes; model net, layer out does not",
    ),
    "statistics of what has no places": (
        lambda folder: [
            edit('"layer1"', '"flatten"')(folder),
            edit("[[optimizers]]", '[[losses]]\nkind = "gram"\n\n[[optimizers]]')(folder),
        ],
        "loss gram needs a layer with places",
    ),
    "a gradient that is none": (
        edit("tau = 0.5", 'tau = 0.5\nrelu = "maybe"'),
        "relu: Input should be 'true' or 'identity'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(case: str, tmp_path: Path, generate: Callable[..., Done]) -> None:
    spoil, said = CASES[case]
    recipe = save_recipe(tmp_path)
    spoil(tmp_path)
    done = generate("run", str(recipe), "--store", str(tmp_path / "store"))
    line = done.stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert said in line, line
    assert line.startswith("alike-generate: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store" / "sets").exists()


def test_a_store_that_cannot_be_written(tmp_path: Path, generate: Callable[..., Done]) -> None:
    (tmp_path / "file").write_text("")
    done = generate("run", str(save_recipe(tmp_path)), "--store", str(tmp_path / "file" / "store"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(("device", "said"), [("cuda", "no CUDA device"), ("tpu", "known are auto, cpu, cuda")])
def test_a_device_that_is_not_there(tmp_path: Path, device: str, said: str, generate: Callable[..., Done]) -> None:
    if device == "cuda" and torch.cuda.is_available():
        device, said = "tpu", "known are"
    done = generate("run", str(save_recipe(tmp_path)), "--store", str(tmp_path / "store"), "--device", device)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_recipes_model_is_listed_by_its_name(tmp_path: Path, generate: Callable[..., Done]) -> None:
    recipe = save_recipe(tmp_path)
    told = generate("layers", f"{recipe}:net").stdout
    assert re.search(r"layer2.conv1 +48 × 16 × 16 +12,288 +\d+\.\d%", told)
    assert re.search(r"fc +4 +4 +100.0%", told)
    assert "known are net" in generate("layers", f"{recipe}:nett").stderr


def test_a_set_of_another_program_is_not_measured(tmp_path: Path, generate: Callable[..., Done]) -> None:
    create_stimulus_set(Store(str(tmp_path)), "a", n_targets=2)
    done = generate("check", "test/a", "--store", str(tmp_path))
    assert done.returncode == 2
    assert "made by another program or version" in done.stderr


def test_models_and_layers_are_listed(generate: Callable[..., Done]) -> None:
    assert "torchvision  resnet50" in generate("models").stdout
    told = generate("layers", "resnet18").stdout
    assert re.search(r"layer2.0.conv1 +128 × 28 × 28 +100,352 +\d+\.\d%", told)
    assert re.search(r"avgpool +512 × 1 × 1 +512 ", told)
    assert "nearest are resnet18" in generate("layers", "resnet19").stderr
