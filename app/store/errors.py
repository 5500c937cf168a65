"""What can go wrong with a store. Each message is one line: what, where, what would be accepted."""


class StoreError(Exception):
    """Base of everything the store raises."""


class NotInStore(StoreError):
    """Nothing stands under that name."""


class Damaged(StoreError):
    """Something stands there, but its bytes are not what its name promises."""


class Unwritable(StoreError):
    """The store refuses to be written (permissions, a full disk, wrong credentials)."""


class Ambiguous(StoreError):
    """A name or an id prefix fits more than one stimulus set."""
