"""The stimulus store and its format. It imports nothing else of `app`, so the generator may use it."""

from app.store.errors import Ambiguous, Damaged, NotInStore, StoreError, Unwritable
from app.store.manifest import (
    NOT_ASSESSED,
    Alternative,
    Distribution,
    Image,
    Item,
    Run,
    Source,
    StimulusSet,
    canonical,
    sha256,
)
from app.store.store import Problem, Store

__all__ = [
    "NOT_ASSESSED",
    "Alternative",
    "Ambiguous",
    "Damaged",
    "Distribution",
    "Image",
    "Item",
    "NotInStore",
    "Problem",
    "Run",
    "Source",
    "StimulusSet",
    "Store",
    "StoreError",
    "Unwritable",
    "canonical",
    "sha256",
]
