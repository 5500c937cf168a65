"""The installed wheel, outside the checkout and without torch: what a server is made of."""

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

from tests.server import free_port, running

GENERATOR_ONLY = {"torch", "torchvision", "skimage", "sklearn", "tqdm"}


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a fresh environment: the wheel, and the dependencies of the server alone."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)

    dependencies = folder / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.split(".")[0] not in GENERATOR_ONLY and not re.search(r"alike|\.pth$", entry.name):
            (dependencies / entry.name).symlink_to(entry)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return python.parent


def test_it_serves_from_an_empty_folder(binaries: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([binaries / "alike", "db", "upgrade"], check=True, cwd=tmp_path, env=environment)
    with running([binaries / "alike", "serve"], free_port(), environment, tmp_path) as url:
        with urllib.request.urlopen(f"{url}/login") as page:
            html = page.read().decode()
        links = re.findall(r'"(/static/[^"]+)"', html)
        assert links
        for link in links:
            with urllib.request.urlopen(url + link) as file:
                assert file.read()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data"]


def test_the_generator_says_what_it_lacks(binaries: Path, tmp_path: Path) -> None:
    assert subprocess.run([binaries / "alike-generate", "--help"], capture_output=True, check=False).returncode == 0
    for command in (["run", "recipe.toml", "--store", "s"], ["models"], ["layers", "resnet18"], ["train", "x.toml"]):
        done = subprocess.run(
            [binaries / "alike-generate", *command], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 2
        assert re.fullmatch(r"alike-generate: \w+ is not installed; install alike\[generator\]\n", done.stderr)
    assert not list(tmp_path.iterdir())
