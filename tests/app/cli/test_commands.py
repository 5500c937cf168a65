"""The commands as a researcher types them, on both databases."""

import csv
import fcntl
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli import main
from app.config import Settings
from app.db.engine import Database
from app.store import Store
from tests.conftest import SECRET
from tests.factories import create_stimulus_set, publish, recovers
from tests.server import serving

STUDY = """
slug = "mine"
title = "Mine"
sets = ["test/a", "test/b"]
trials = 12
practice = 2
catch = 2
[texts]
consent = "You may stop."
instructions = "Choose."
debrief = "Thanks."
"""
SCORE_KEYS = {
    "set_id", "model", "layer", "loss", "trial_type", "n_responses", "n_participants", "n_targets", "n_clusters",
    "alignment", "low", "high", "chance", "validity_rate", "invariance",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """The one line of a refusal."""
        assert self.code == 2, self
        assert len(self.err.strip().splitlines()) == 1, self.err
        return self.err.strip()


Alike = Callable[..., Told]


@pytest.fixture
def alike(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Alike:
    """`alike …` with the environment of a server; returns exit code and what was printed."""
    assert settings.database_url
    for name, value in {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "STORE": settings.store_url,
        "SECRET_KEY": SECRET,
    }.items():
        monkeypatch.setenv(f"ALIKE_{name}", value)

    def run(*arguments: str | Path) -> Told:
        monkeypatch.setattr(sys, "argv", ["alike", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Told(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def study_file(tmp_path: Path, store: Store) -> Path:
    create_stimulus_set(store, "a")
    create_stimulus_set(store, "b", training="robust")
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    return file


def test_from_a_file_to_a_published_study(alike: Alike, study_file: Path) -> None:
    assert "draft of mine" in alike("study", "new", study_file).out
    [line] = json.loads(alike("study", "list", "--json").out)
    assert (line["slug"], line["version"], line["completed"]) == ("mine", None, 0)
    published = alike("study", "publish", "mine", "--allow-few").out
    assert "version 1" in published
    assert "/s/mine" in published
    study_file.write_text(STUDY.replace('title = "Mine"', 'title = "Better"'))
    alike("study", "new", study_file)
    assert "version 2" in alike("study", "publish", "mine", "--allow-few").out
    [line] = json.loads(alike("study", "list", "--json").out)
    assert (line["version"], line["title"]) == (2, "Better")


def test_few_targets_need_to_be_allowed(alike: Alike, study_file: Path, store: Store) -> None:
    for model in ("few-a", "few-b"):
        create_stimulus_set(store, model, n_targets=20)
    study_file.write_text(STUDY.replace("test/a", "test/few-a").replace("test/b", "test/few-b"))
    alike("study", "new", study_file)
    assert "--allow-few" in alike("study", "publish", "mine").fault
    assert json.loads(alike("study", "list", "--json").out)[0]["version"] is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("test/a", "test/nobody"), "test/nobody"),
        (("trials = 12", "trials = 0"), "trials"),
        (("trials = 12", 'trials = "many"'), "trials"),
        (("trials = 12", "trails = 12"), "trails"),
        (('slug = "mine"', 'slug = "Not A Slug"'), "slug"),
        (("[texts]", "[texts"), "TOML"),
        (('consent = "You may stop."', ""), "consent"),
    ],
)
def test_a_wrong_study_file_is_one_line(alike: Alike, study_file: Path, change: tuple[str, str], expected: str) -> None:
    study_file.write_text(STUDY.replace(*change))
    assert expected in alike("study", "new", study_file).fault
    assert json.loads(alike("study", "list", "--json").out) == []


def test_a_file_or_study_that_is_not_there(alike: Alike, tmp_path: Path) -> None:
    assert "nothing.toml" in alike("study", "new", tmp_path / "nothing.toml").fault
    for command in (["study", "publish"], ["score"], ["export", "--out", tmp_path / "x.csv"]):
        assert "nothing" in alike(*command, "nothing").fault
    assert not (tmp_path / "x.csv").exists()


def test_simulated_observers_come_back_in_score_and_export(
    alike: Alike, settings: Settings, database: Database, store: Store, tmp_path: Path
) -> None:
    publish(database, store)
    with serving(settings) as url:
        told = alike("simulate", "study", "--observers", "10", "--alignment", "0.9", "--lapse", "0.2", "--url", url)
    assert "10 observers gave 160 answers; expected share 0.8200" in told.out

    scores = json.loads(alike("score", "study", "--json", "--mode", "simulated").out)
    assert [score["model"] for score in scores] == ["a", "b"]
    for score in scores:
        assert set(score) >= SCORE_KEYS
        assert score["n_responses"] == 60
        assert score["n_participants"] == 10
        assert recovers(score, 0.82)
        assert score["chance"] == 0.5
    for score in json.loads(alike("score", "study", "--json").out):  # simulated answers are not in the default score
        assert (score["n_responses"], score["alignment"], score["low"]) == (0, None, None)
    assert "a  flatten" in alike("score", "study", "--mode", "simulated").out

    out = tmp_path / "rows.csv"
    alike("export", "study", "--format", "csv", "--out", out)
    with out.open() as file:
        assert list(csv.DictReader(file)) == []
    alike("export", "study", "--out", out, "--mode", "simulated")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 160
    main_rows = [row for row in rows if row["trial_role"] == "main"]
    share = sum(int(row["chose_target"]) for row in main_rows) / len(main_rows)
    pooled = sum(score["alignment"] * score["n_responses"] for score in scores) / 120
    assert share == pytest.approx(pooled)


def test_who_simulates_twice_gets_other_observers(
    alike: Alike, settings: Settings, database: Database, store: Store
) -> None:
    publish(database, store)
    with serving(settings) as url:
        told = [alike("simulate", "study", "--observers", "1", "--alignment", "1", "--url", url).out for _ in range(2)]
    assert told[0].partition("rng_seed")[2] != told[1].partition("rng_seed")[2]


def test_an_export_is_there_whole_or_not_at_all(alike: Alike, database: Database, store: Store, tmp_path: Path) -> None:
    publish(database, store)
    assert "cannot be written" in alike("export", "study", "--out", tmp_path / "no-folder" / "x.csv").fault
    assert "csv" in alike("export", "study", "--format", "xlsx", "--out", tmp_path / "x").fault
    assert "mode" in alike("export", "study", "--mode", "dead", "--out", tmp_path / "x").fault
    assert not list(tmp_path.glob("*x*"))


def test_simulation_of_a_server_that_is_away(alike: Alike, database: Database, store: Store) -> None:
    publish(database, store)
    away = "http://127.0.0.1:9"
    assert away in alike("simulate", "study", "--observers", "1", "--alignment", "0.5", "--url", away).fault


def test_store_commands(alike: Alike, store: Store, settings: Settings) -> None:
    assert "no stimulus set" in alike("store", "verify").fault
    create_stimulus_set(store, "a", n_targets=2)
    assert "test/a" in alike("store", "list").out
    assert alike("store", "verify").code == 0
    changed = sorted((Path(settings.store_url) / "images").rglob("*.png"))[0]
    changed.write_bytes(changed.read_bytes() + b"x")
    missing = sorted((Path(settings.store_url) / "images").rglob("*.png"))[-1]
    missing.unlink()
    told = alike("store", "verify")
    assert told.code == 1
    assert changed.stem in told.out
    assert missing.stem in told.out


def test_researchers(alike: Alike, monkeypatch: pytest.MonkeyPatch) -> None:
    made = alike("researcher", "add", "ada@example.org").out.split()[-1]
    assert len(made) >= 12
    assert "e-mail" in alike("researcher", "add", "nobody").fault
    monkeypatch.setattr("sys.stdin.readline", lambda: "short\n", raising=False)
    assert "12 characters" in alike("researcher", "add", "ada@example.org", "--password-stdin").fault


def test_a_new_database_says_what_to_do(alike: Alike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIKE_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert "alike db upgrade" in alike("study", "list").fault
    assert "alike db upgrade" in alike("serve").fault
    assert alike("db", "upgrade").code == 0
    assert alike("db", "upgrade").code == 0
    assert "nonsense" in alike("db", "upgrade", "nonsense").fault
    assert json.loads(alike("study", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "nothing", "ALIKE_DATABASE_URL"),
        ("DATABASE_URL", "oracle://x/y", "ALIKE_DATABASE_URL"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/x", "127.0.0.1"),
        ("PORT", "zero", "PORT"),
        ("SECRET_KEY", "short", "SECRET_KEY"),
        ("DATA_DIR", "/proc/nowhere", "/proc/nowhere"),
    ],
)
def test_wrong_settings_are_one_line(
    alike: Alike, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    if name == "DATA_DIR":
        monkeypatch.delenv("ALIKE_DATABASE_URL")
    monkeypatch.setenv(f"ALIKE_{name}", value)
    fault = alike("study", "list").fault
    assert expected.lower() in fault.lower()


def test_a_password_in_the_address_is_not_printed(alike: Alike, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIKE_DATABASE_URL", "postgresql://me:geheim@127.0.0.1:9/x")
    assert "geheim" not in alike("study", "list").fault


def test_a_second_server_on_one_sqlite_file_is_refused(
    alike: Alike, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIKE_DATABASE_URL", sqlite_url)
    with Path(f"{sqlite_url.removeprefix('sqlite:///')}.serving").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another server runs" in alike("serve").fault
