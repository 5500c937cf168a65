"""Export formats. To add one: its module here, one line in the table."""

from app.exports.base import Export
from app.exports.csv import csv
from app.exports.trial_row import COLUMNS, TrialRow

EXPORTS: dict[str, Export] = {
    csv.name: csv,
}

__all__ = ["COLUMNS", "EXPORTS", "Export", "TrialRow"]
