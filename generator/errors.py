"""One kind of failure: something the person at the keyboard can put right."""


class GeneratorError(Exception):
    """One clear line: what, where, what would be accepted. The command line prints it and exits with 2."""
