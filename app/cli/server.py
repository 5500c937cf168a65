"""`alike serve`"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.cli.context import settings
from app.config import Settings
from app.errors import Conflict
from app.main import create_app

KEEP_ALIVE = 120
"""Seconds for which an idle connection stays open: participants think longer than uvicorn's five."""


def serve() -> None:
    """Serve participants and researchers on ALIKE_HOST:ALIKE_PORT."""
    chosen = settings()
    with _alone(chosen):
        uvicorn.run(
            create_app(chosen),
            host=chosen.host,
            port=chosen.port,
            timeout_keep_alive=KEEP_ALIVE,
            access_log=False,  # addresses hold run tokens, which are secrets
            proxy_headers=True,
            log_level="info",
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """On SQLite one process serves: its recorder is the only writer that may not be kept waiting."""
    if not settings.database.startswith("sqlite"):
        yield
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another server runs on {settings.data_dir}; SQLite takes one. Use PostgreSQL (ALIKE_DATABASE_URL) for more"
            ) from None
        yield
