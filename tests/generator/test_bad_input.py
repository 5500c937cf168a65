"""Whatever is wrong with the input: one line that says what, where, and what would be accepted; nothing half-written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from generator.cli import main
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


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "unknown model": (
        edit('architecture = "small_resnet"', 'architecture = "smal_resnet"'),
        "nearest are small_resnet",
    ),
    "unknown family": (edit('family = "small_resnet"', 'family = "keras"'), "known are torchvision, small_resnet"),
    "unknown layer": (edit('layers = ["layer1"]', 'layers = ["layer9"]'), "nearest are layer"),
    "unknown start": (edit('starts = ["grey-noise"]', 'starts = ["pink"]'), "'grey-noise'"),
    "unknown optimizer": (edit('kind = "adam"', 'kind = "sgd"'), "known are paper, adam"),
    "unknown setting": (edit("lr = 0.02", "learning_rate = 0.02"), "known are lr, steps"),
    "unknown field": (edit("tau = 0.5", "tau = 0.5\ntauu = 1"), "known are name"),
    "not TOML": (edit("tau = 0.5", "tau ="), "not a TOML file"),
    "tau of zero": (edit("tau = 0.5", "tau = 0"), "tau: Input should be greater than 0"),
    "no such folder": (edit('path = "targets"', 'path = "nothing"'), "is not a folder"),
    "unreadable picture": (truncate, "no readable picture"),
    "wrong size": (resize, "all must be of one size"),
    "no checkpoint": (lambda folder: (folder / "net.pt").unlink(), "net.pt does not exist"),
    "corrupt checkpoint": (lambda folder: (folder / "net.pt").write_bytes(b"PK\x03\x04junk"), "cannot be read"),
    "checkpoint of something else": (lambda folder: torch.save([1, 2], folder / "net.pt"), "expected a state dict"),
    "missing entry": (forget, "lacks 'layer3.conv1.weight'"),
    "weights that are no numbers": (poison, "not a number"),
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


def test_models_and_layers_are_listed(generate: Callable[..., Done]) -> None:
    assert "torchvision  resnet50" in generate("models").stdout
    told = generate("layers", "resnet18").stdout
    assert "layer2.0.conv1  128 × 28 × 28" in told
    assert "avgpool  512 × 1 × 1" in told
    assert "nearest are resnet18" in generate("layers", "resnet19").stderr
