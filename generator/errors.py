"""One kind of failure: something the person at the keyboard can put right."""


class GeneratorError(Exception):
    """One clear line: what, where, what would be accepted. The command line prints it and exits with 2."""


class BadField(GeneratorError):
    """A field of a recipe cannot be used. `place` is where it stands: ("losses", 0, "kind")."""

    def __init__(self, place: tuple[str | int, ...], what: str) -> None:
        super().__init__(f"{'.'.join(map(str, place))}: {what}")
        self.place = place
