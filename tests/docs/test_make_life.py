"""The drawing of a correction's life is the machine's own table."""

from pathlib import Path

from docs.make_life import drawing, page
from domain.corrections import TRANSITIONS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_table_says_now():
    assert (DOCS / "life-of-a-correction.md").read_text("utf-8") == page(), "run make docs"


def test_every_arrow_of_the_table_is_drawn_with_a_label_that_mermaid_can_read():
    lines = drawing().splitlines()
    for each in TRANSITIONS:
        assert f"    {each.phase} --> {each.to}: {each.when}" in lines
        assert not set(each.when) & set(":;#")
