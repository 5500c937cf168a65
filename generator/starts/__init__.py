"""Starts, by the name that recipes use."""

from generator.starts.base import Start
from generator.starts.choosing import ChosenStart, choose_start, draw_start
from generator.starts.table import STARTS

__all__ = ["STARTS", "ChosenStart", "Start", "choose_start", "draw_start"]
