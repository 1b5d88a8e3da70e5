"""On a terminal foreign text is seen, and does nothing."""

import io
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from cli import show

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
ATTACK = "x.\n# spf\nSet-Evil ;\x1b[31m\x9b2J\u202e\u2028[link=https://evil.example]click[/link]"
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def screen(foreign: str) -> list[str]:
    """Each thing that is printed, with *foreign* wherever somebody else's words come into it."""
    drift = [{"field": foreign, "found": foreign, "wanted": [foreign]}]
    step = {"service": "exchange", "powershell": foreign}
    control = {"id": foreign, "state": foreign, "drift": drift, "detail": foreign, "steps": [step]}
    entry = {"at": "2026-11-23T12:00:00", "event": "held", "control": "mx", "drift": drift}
    printed = [
        lambda console: console.print(show.controls(foreign, [control])),
        lambda console: show.steps(console, {"controls": [control]}),
        lambda console: console.out(show.entry(entry | {"actor": foreign, "detail": foreign}), highlight=False),
        lambda console: console.out(show.entry(entry | {"actor": foreign, "detail": ""}), highlight=False),
        lambda console: console.out(show.as_json([control]), highlight=False),
    ]
    return [_printed(each) for each in printed]


def _printed(what) -> str:
    file = io.StringIO()
    what(Console(file=file, width=10_000, force_terminal=False))
    return file.getvalue()


@given(ANY)
@example(ATTACK)
def test_nothing_that_is_printed_moves_colours_or_hides_what_stands_beside_it(foreign):
    for text in screen(foreign):
        assert not UNSEEN & set(map(unicodedata.category, text.replace("\n", "")))


@given(ANY.filter(str.strip))
@example(ATTACK)
def test_foreign_text_makes_no_line_of_its_own(foreign):
    assert [len(text.splitlines()) for text in screen(foreign)] == [len(text.splitlines()) for text in screen("x")]


@given(ANY.filter(lambda text: text.isprintable() and "\\" not in text))
def test_markup_in_it_is_text(foreign):
    assert "[bold]" in _printed(lambda console: console.print(show.cell(f"[bold]{foreign}"), highlight=False))


@given(st.lists(st.text(max_size=40)))
def test_json_for_programs_says_the_same(data):
    assert json.loads(show.as_json(data)) == data


def test_lines_for_nsupdate_stay_lines():
    step = {"service": "dns", "powershell": "update delete a. TXT\nupdate add a. TXT"}
    operation = {"controls": [{"id": "spf", "steps": [step]}]}
    assert _printed(lambda console: show.steps(console, operation)).splitlines()[1:] == step["powershell"].split("\n")


@pytest.mark.parametrize("length", [10, show.LONGEST_ON_SCREEN, show.LONGEST_ON_SCREEN * 9])
def test_a_long_text_is_cut_and_says_so(length):
    shown = show.plain("x" * length)
    assert len(shown) < show.LONGEST_ON_SCREEN + 40
    assert ("characters)" in shown) is (length > show.LONGEST_ON_SCREEN)
