"""`alike serve`"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli.context import open_database, settings
from app.db.engine import Database
from app.db.migrate import check_current
from app.errors import Conflict

KEEP_ALIVE = 120
"""Seconds for which an idle connection stays open: participants think longer than uvicorn's five."""


def serve() -> None:
    """Serve participants and researchers on ALIKE_HOST:ALIKE_PORT."""
    import uvicorn  # here, because no other command should wait until the whole server is loaded

    from app.main import create_app

    chosen = settings()
    with open_database() as database, _alone(database):
        check_current(database.engine)
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
def _alone(database: Database) -> Iterator[None]:
    """On SQLite one process serves: its recorder is the only writer that may not be kept waiting."""
    file = database.url.database
    if not database.is_sqlite or file is None:
        yield
        return
    with Path(f"{file}.serving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another server runs on {file}; SQLite takes one. Use PostgreSQL (ALIKE_DATABASE_URL) for more"
            ) from None
        yield
