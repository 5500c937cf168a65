"""What every command needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DatabaseError

from app.config import Settings
from app.db.engine import Database
from app.errors import AppError, Invalid


def settings() -> Settings:
    """From the environment. Raises Invalid with one line that names the variable."""
    try:
        return Settings()
    except ValidationError as problem:
        first = problem.errors()[0]
        name = "ALIKE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise Invalid(f"{name}: {first['msg']}") from None


@contextmanager
def open_database() -> Iterator[Database]:
    """The database of the settings. One that is away or was never migrated is one clear line."""
    database = connect(settings().database)
    try:
        yield database
    except DatabaseError as problem:
        raise AppError(
            f"database {database.url.render_as_string()} cannot be used: {str(problem.orig).strip().splitlines()[0]}; "
            f"if it is new, run `alike db upgrade`"
        ) from None
    finally:
        database.close()


def connect(url: str) -> Database:
    """Raises Invalid for an address that names no database we can open."""
    try:
        return Database(url)
    except (ArgumentError, ImportError) as problem:
        raise Invalid(
            f"ALIKE_DATABASE_URL names no database ({problem}); expected sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    except OSError as problem:
        raise Invalid(f"the folder of the database cannot be made: {problem}; see ALIKE_DATA_DIR") from None


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
