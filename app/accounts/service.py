"""Who may see results: adding researchers, logging in and out.

A login is a random token in a signed cookie; the table keeps its hash, so a copied database opens no door, and a row
can be revoked. Hashing a password takes a tenth of a second on purpose, so it happens before any transaction.
"""

import secrets
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from app.accounts import queries
from app.db import tables as t
from app.db.types import now
from app.errors import Forbidden, Invalid
from app.store import sha256

SHORTEST_PASSWORD = 12
_hasher = PasswordHasher()


class NotLoggedIn(Forbidden):
    """Nobody is logged in; pages answer it by the login form."""


@cache
def _nobody() -> str:
    """What the password of an unknown address is compared with, so that it takes as long as a known one."""
    return _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Raises Invalid for a password that is too short."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"a password has {SHORTEST_PASSWORD} characters or more; this one has {len(password)}")
    return _hasher.hash(password)


def add_researcher(db: Session, *, email: str, password_hash: str) -> None:
    """Add a researcher, or give one that exists a new password, which ends all their logins."""
    if "@" not in email or len(email) > 254:
        raise Invalid(f"{email!r} is no e-mail address")
    researcher = queries.researcher(db, email.lower())
    if researcher is None:
        db.add(t.Researcher(email=email.lower(), password_hash=password_hash))
        return
    researcher.password_hash = password_hash
    for login in queries.open_logins(db, researcher.id):
        login.revoked_at = now()


def check_password(db: Session, *, email: str, password: str) -> int:
    """The researcher's id. Raises Forbidden, in one wording whatever was wrong."""
    researcher = queries.researcher(db, email.lower())
    try:
        _hasher.verify(_nobody() if researcher is None else researcher.password_hash, password)
    except Argon2Error:
        researcher = None
    if researcher is None:
        raise Forbidden("That e-mail address and password do not belong together.")
    return researcher.id


def log_in(db: Session, *, researcher_id: int, hours: int, secret: str, replaces: str = "") -> str:
    """Open a login; returns the cookie's value. The login of the cookie that it replaces ends."""
    log_out(db, cookie=replaces, secret=secret)
    token = secrets.token_urlsafe(32)
    db.add(
        t.Login(
            researcher_id=researcher_id, token_sha256=sha256(token.encode()), expires_at=now() + timedelta(hours=hours)
        )
    )
    return _signer(secret).dumps(token)


def authenticate(db: Session, *, cookie: str, secret: str) -> t.Researcher:
    """Whose cookie it is. Raises NotLoggedIn."""
    login = _login(db, cookie, secret)
    researcher = None if login is None else db.get(t.Researcher, login.researcher_id)
    if researcher is None:
        raise NotLoggedIn("Please log in.")
    return researcher


def log_out(db: Session, *, cookie: str, secret: str) -> None:
    """End the login of that cookie; nothing happens where there is none."""
    login = _login(db, cookie, secret)
    if login is not None:
        login.revoked_at = now()


def csrf_token(*, cookie: str, secret: str) -> str:
    """What forms carry to show that they came from our own page: bound to the login."""
    return URLSafeSerializer(secret, salt="csrf").dumps(sha256(cookie.encode()))


def check_csrf(*, token: str, cookie: str, secret: str) -> None:
    """Raises Forbidden."""
    try:
        bound = URLSafeSerializer(secret, salt="csrf").loads(token)
    except BadSignature:
        bound = None
    if bound != sha256(cookie.encode()):
        raise Forbidden("This form is out of date; please load the page again.")


def _login(db: Session, cookie: str, secret: str) -> t.Login | None:
    try:
        token = _signer(secret).loads(cookie)
    except BadSignature:
        return None
    login = queries.login(db, sha256(str(token).encode()))
    return None if login is None or login.revoked_at is not None or login.expires_at <= now() else login


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="login")
