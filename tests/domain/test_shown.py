import ast
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shown import LONGEST, quoted, visible

ANY = st.text(st.characters(exclude_categories=()))
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("foreign", "seen"),
    [
        ("ExchangeDefender", "'ExchangeDefender'"),
        ("x.\nStep: iex ;", "'x.\\u{a}Step: iex ;'"),
        ("\x1b[31mred\u202eder", "'\\u{1b}[31mred\\u{202e}der'"),
        ("two\u2028lines", "'two\\u{2028}lines'"),
        ("it's", "'it\\'s'"),
        ("Zürich 東京", "'Zürich 東京'"),
        ("a" * (LONGEST + 1), f"'{'a' * LONGEST}...' ({LONGEST + 1} characters)"),
    ],
)
def test_a_foreign_name_is_quoted_on_one_line_with_its_unseen_characters_as_numbers(foreign, seen):
    assert quoted(foreign) == seen


@given(ANY)
def test_nothing_that_is_printed_moves_breaks_or_hides_what_stands_beside_it(text):
    assert not UNSEEN & set(map(unicodedata.category, quoted(text) + visible(text)))


@given(ANY, st.integers(0, 300))
def test_no_text_ends_its_own_quotation(text, longest):
    printed = quoted(text, longest)
    quotation = printed[: printed.rindex("'") + 1]
    # Python reads an escaped quote and backslash as we write them: one literal, from the first quote to the last.
    assert isinstance(ast.literal_eval(quotation.replace("\\u{", "\\\\u{")), str)


@given(ANY)
def test_what_is_printed_is_no_longer_than_its_cap_allows(text):
    assert len(quoted(text)) <= LONGEST * len("\\u{10ffff}") + 40
