"""No container engine is needed: the commands, settings and health checks of the containers, run as they stand."""

import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from app.config import Settings
from app.db.engine import Database
from tests.conftest import SECRET
from tests.server import free_port, running

COMPOSE: dict[str, Any] = yaml.safe_load(Path("docker-compose.yml").read_text())
DOCKERFILE = Path("Dockerfile").read_text()
BIN = Path(sys.executable).parent


def instructions(name: str) -> list[list[str]]:
    """The JSON arguments of every CMD or ENTRYPOINT line, also that of a health check."""
    return [json.loads(found) for found in re.findall(rf"^\s*{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)]


def test_it_names_settings_that_exist() -> None:
    known = {f"ALIKE_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"ALIKE_[A-Z_]+", DOCKERFILE + json.dumps(COMPOSE["services"])))
    assert named <= known


def test_secrets_come_from_the_environment_and_are_asked_for() -> None:
    text = json.dumps(COMPOSE["services"])
    for secret in ("POSTGRES_PASSWORD", "ALIKE_SECRET_KEY"):
        uses = re.findall(rf"\$\{{{secret}(.{{2}})", text)
        assert uses
        assert set(uses) == {":?"}


def test_every_volume_is_declared_and_every_target_exists() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    for service in COMPOSE["services"].values():
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}
        assert named <= set(COMPOSE["volumes"])
        assert service.get("build", {"target": "base"})["target"] in stages


def test_it_copies_what_there_is_and_runs_commands_that_exist() -> None:
    for source in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all(Path(name).exists() for name in source.split())
        assert all(f"!{name}" in Path(".dockerignore").read_text().split() for name in source.split())
    scripts = tomllib.loads(Path("pyproject.toml").read_text())["project"]["scripts"]
    assert instructions("ENTRYPOINT") == [["alike-generate"]]
    assert set(re.findall(r"\balike(?:-generate)?\b(?= db| serve|\")", str(instructions("CMD")[-1]))) <= set(scripts)


def test_the_server_image_gets_locked_versions_and_no_torch() -> None:
    [install] = [
        line for line in re.findall(r"^RUN (uv pip install .*)$", DOCKERFILE, re.MULTILINE) if '".[s3]"' in line
    ]
    command = (
        install.replace('"', "").replace("--system", f"--python {sys.executable} --target /nowhere --dry-run").split()
    )
    told = subprocess.run([BIN / "uv", *command[1:]], capture_output=True, text=True, check=True).stderr
    wanted = set(re.findall(r"^ \+ (\S+)==(\S+)$", told, re.MULTILINE))
    locked = set(re.findall(r"^(\S+)==(\S+)", Path("requirements.lock").read_text(), re.MULTILINE))
    names = {name for name, _ in wanted}
    assert {"fastapi", "sqlalchemy", "s3fs"} <= names
    assert "torch" not in names
    assert wanted <= locked


def test_the_server_container_comes_up_and_its_health_check_knows(postgres_url: str, tmp_path: Path) -> None:
    """CMD and HEALTHCHECK as they are, with the environment of the composition, on a real and empty PostgreSQL."""
    database = Database(postgres_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    database.close()
    port = free_port()
    told = COMPOSE["services"]["web"]["environment"]
    assert told["ALIKE_DATABASE_URL"].startswith("postgresql://alike:${POSTGRES_PASSWORD")
    environment = {
        **{name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in told.items()},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ALIKE_DATABASE_URL": postgres_url.replace("postgresql+psycopg://", "postgresql://"),
        "ALIKE_SECRET_KEY": SECRET,
        "ALIKE_HOST": "0.0.0.0",
        "ALIKE_DATA_DIR": str(tmp_path / "data"),
        "ALIKE_STORE": str(tmp_path / "store"),
    }
    health, command = instructions("CMD")
    health = [part.replace(":8000", f":{port}") for part in health]

    def is_healthy() -> bool:
        return subprocess.run(health, env=environment, capture_output=True, check=False).returncode == 0

    assert not is_healthy()
    # `exec` in the command: the signal that ends it must reach the server itself
    with (
        running(command, port, environment, tmp_path, is_healthy) as url,
        urllib.request.urlopen(f"{url}/login") as page,
    ):
        assert page.status == 200
    assert not is_healthy()
