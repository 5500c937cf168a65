"""Every knob of the server. Each is read from the environment with the prefix ALIKE_."""

import os
import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one server. Nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="ALIKE_", frozen=True)

    data_dir: Path = Field(default=Path("data"), description="Folder of everything that this server writes.")
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL; null: SQLite in the data folder. postgresql://… for PostgreSQL."
    )
    store: str | None = Field(default=None, description="Folder or fsspec URL of the stimulus store.")
    secret_key: str | None = Field(
        default=None,
        min_length=32,
        description="Signs cookies and links, 32 characters or more; null: made once, kept on disk.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: PositiveInt = Field(default=8000, description="Port to listen on.")
    public_url: str | None = Field(default=None, description="Where people reach the server; null: host and port.")
    secure_cookies: bool = Field(default=False, description="Send cookies over HTTPS only. Set it wherever HTTPS is.")
    login_hours: PositiveInt = Field(default=12, description="How long a researcher's login lasts.")
    lease_minutes: PositiveInt = Field(
        default=60, description="After that long without a sign of life, a run's unanswered trials are dealt to others."
    )
    image_cache_mib: PositiveInt = Field(default=64, description="Memory kept for pictures that were just shown.")
    max_body_kib: PositiveInt = Field(default=64, description="Largest request body that is read.")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL, with the driver that we ship for PostgreSQL."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'alike.db'}"
        scheme, _, rest = self.database_url.partition("://")
        return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url

    @property
    def store_url(self) -> str:
        return self.store or str(self.data_dir / "store")

    @property
    def address(self) -> str:
        """Where people reach the server, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @cached_property
    def secret(self) -> str:
        """The signing key. Two processes that start at once agree on it: the first file wins."""
        if self.secret_key is not None:
            return self.secret_key
        path = self.data_dir / "secret_key"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".secret_key.{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        return path.read_text()
