"""Random changes of an image before the network sees it, by the name that recipes use."""

from generator.inversion import Transform

TRANSFORMS: dict[str, type[Transform]] = {}
