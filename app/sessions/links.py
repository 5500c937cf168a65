"""Signed entry links. An ordinary link makes a live run; a pass, which only this server can sign, makes another kind."""

from itsdangerous import BadSignature, URLSafeSerializer

from app.errors import Forbidden

LIVE = "live"
PASSES = ("preview", "pilot", "simulated")


def make_pass(slug: str, mode: str, secret: str) -> str:
    """What `?pass=` must say for a run of that mode in that study."""
    return URLSafeSerializer(secret, salt="entry").dumps([slug, mode])


def mode_of(signed: str | None, slug: str, secret: str) -> str:
    """The mode of a run that enters with this pass, or without one. Raises Forbidden for a pass that is not ours."""
    if signed is None:
        return LIVE
    try:
        found = URLSafeSerializer(secret, salt="entry").loads(signed)
    except BadSignature:
        found = None
    if not isinstance(found, list) or len(found) != 2 or found[0] != slug or found[1] not in PASSES:
        raise Forbidden("this link is damaged or belongs to another study")
    return str(found[1])
