import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config import Settings


def test_a_secret_is_made_once_and_kept_to_ourselves(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    first = Settings(data_dir=folder).secret
    assert len(first) >= 32
    assert Settings(data_dir=folder).secret == first
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["secret_key"]


def test_servers_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: Settings(data_dir=tmp_path).secret, range(32)))
    assert len(set(found)) == 1


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="secret_key"):
        Settings(secret_key="short")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_gets_the_driver_that_we_ship(scheme: str) -> None:
    assert Settings(database_url=f"{scheme}://me@host/name").database == "postgresql+psycopg://me@host/name"


def test_where_people_reach_the_server() -> None:
    assert Settings(host="0.0.0.0", port=81).address == "http://0.0.0.0:81"
    assert Settings(public_url="https://lab.example.org/").address == "https://lab.example.org"


def test_every_setting_says_what_it_does() -> None:
    assert all(field.description for field in Settings.model_fields.values())
