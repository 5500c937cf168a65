"""`alike researcher`"""

import secrets
import sys
from typing import Annotated

import typer

from app.accounts import service as accounts
from app.cli.context import open_database, say

app = typer.Typer(help="Who may log in.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Who may log in."""


@app.command()
def add(
    email: str,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Add a researcher, or give one a new password (which ends their logins). Without --password-stdin the password is
    random and printed once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    hashed = accounts.hash_password(password)
    with open_database() as database, database.writing() as db:
        accounts.add_researcher(db, email=email, password_hash=hashed)
    say(f"{email} can log in" if password_stdin else f"{email} can log in with {password}")
