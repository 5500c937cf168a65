"""Reports of finished sets: a line of numbers, a contact sheet, a page."""

from generator.report.page import write_page
from generator.report.sheet import contact_sheet
from generator.report.summary import Summary, summarize

__all__ = ["Summary", "contact_sheet", "summarize", "write_page"]
