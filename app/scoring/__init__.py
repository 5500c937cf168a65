"""From judgements to scores. Pure: it knows neither trials nor databases."""

from app.scoring.alignment import Alignment, align
from app.scoring.judgement import Judgement

__all__ = ["Alignment", "Judgement", "align"]
