"""A template uses exactly what its page gives: no more (StrictUndefined would fail in front of somebody) and no less."""

from dataclasses import fields

import pytest
from jinja2 import meta

from app.resources import folder
from app.web import pages
from app.web.participant import pages as participant
from app.web.researcher import pages as researcher
from app.web.templates import GLOBALS, Page, environment

PAGES = [
    page
    for module in (pages, participant, researcher)
    for page in vars(module).values()
    if isinstance(page, type) and issubclass(page, Page) and page is not Page
]


def variables(name: str) -> set[str]:
    """Undeclared variables of a template and of what it extends; imported macros declare their own."""
    source = (folder("templates") / name).read_text()
    tree = environment().parse(source)
    found = meta.find_undeclared_variables(tree)
    for parent in meta.find_referenced_templates(tree):
        if parent and not parent.startswith("partials/"):
            found |= variables(parent)
    return found - {"f"}  # the macros of partials/format.html


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_template_and_page_agree(page: type[Page]) -> None:
    assert variables(page.template) - set(GLOBALS) == {field.name for field in fields(page)}
    assert page.__doc__


def test_every_template_has_its_page() -> None:
    known = {page.template for page in PAGES}
    root = folder("templates")
    for file in root.rglob("*.html"):
        name = file.relative_to(root).as_posix()
        assert name in known or file.name == "base.html" or name.startswith("partials/"), name


def test_no_template_writes_unescaped_text_or_inline_style() -> None:
    for file in folder("templates").rglob("*.html"):
        text = file.read_text()
        assert "|safe" not in text.replace(" ", "")
        assert "style=" not in text
        assert " on" not in "".join(part.split("=")[0][-12:] for part in text.split('="')[:-1] if "onclick" in part)
