import pytest

from app.accounts import service as accounts
from app.db.engine import Database

EMAIL, PASSWORD = "ada@example.org", "a long enough password"


@pytest.fixture
def researcher(database: Database) -> None:
    """Somebody who may log in."""
    with database.writing() as db:
        accounts.add_researcher(db, email=EMAIL, password_hash=accounts.hash_password(PASSWORD))
