"""What can go wrong, in five kinds. Status codes belong to app/web/errors.py."""


class AppError(Exception):
    """One clear line for the person who asked: what, where, what would be accepted."""


class NotFound(AppError):
    """There is no such thing, or not for this person."""


class Forbidden(AppError):
    """The person is known and may not."""


class Conflict(AppError):
    """It contradicts what is already there."""


class Invalid(AppError):
    """The request cannot be understood or would break a rule of the study."""


class Gone(AppError):
    """It was there and has ended."""


class Busy(AppError):
    """Storage cannot take it at this moment; the same request may be sent again."""
