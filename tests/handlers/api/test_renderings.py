"""Cells of CSV: what a spreadsheet would run, or not show, does nothing there."""

import pytest

from handlers.api.renderings import csv_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\u00a0=1"])
def test_what_looks_like_a_formula_has_an_apostrophe_in_front(text):
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (-3, "-3"),
        (1.5, "1.5"),
        ("plain", "plain"),
        (["=a"], '["=a"]'),
        ("a\x1bb", "a\\u{1b}b"),
    ],
)
def test_every_other_value_is_shown_as_it_is(value, shown):
    assert csv_cell(value) == shown
