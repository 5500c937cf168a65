"""Renditions for the screen: made when a study is published, so that every participant gets the same file."""

from app.display.foil import FOILS, derive
from app.display.rendition import KERNELS, encode, pad, render

__all__ = ["FOILS", "KERNELS", "derive", "encode", "pad", "render"]
