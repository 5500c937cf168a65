"""The store, where the two programs meet: the only module here that imports anything of `app`. It needs no torch."""

from app.store import (
    Alternative,
    Distribution,
    Image,
    Item,
    NotInStore,
    Run,
    Source,
    StimulusSet,
    Store,
    StoreError,
    canonical,
    sha256,
)

__all__ = [
    "Alternative",
    "Distribution",
    "Image",
    "Item",
    "NotInStore",
    "Run",
    "Source",
    "StimulusSet",
    "Store",
    "StoreError",
    "canonical",
    "sha256",
]
