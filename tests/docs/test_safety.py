"""The table of docs/safety.md has every step that Holdfast can take, and none that it cannot."""

import re
from pathlib import Path

from domain.control import Drifted
from domain.controls import CATALOGUE, WRITINGS
from domain.steps import SET_RECORDS
from tests.domain.controls.test_every_control import judgements

PAGE = (Path(__file__).parents[2] / "docs" / "safety.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.partition("| step |")[2].splitlines()
    if line.startswith("| ")
]
CMDLETS = {cmdlet for writing in WRITINGS for cmdlet in writing.cmdlets} | {SET_RECORDS}


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def cmdlets(cell: str) -> set[str]:
    return {word for word in quoted(cell) if re.fullmatch(r"[A-Z][a-z]+-[A-Z]\w+", word)}


def test_every_row_says_what_breaks_what_stands_before_it_and_how_it_is_undone():
    assert ROWS
    assert all(len(row) == 4 and all(row) for row in ROWS), [row for row in ROWS if len(row) != 4]


def test_every_cmdlet_that_writes_has_a_row_and_no_row_has_another():
    assert set().union(*(cmdlets(row[0]) for row in ROWS)) == CMDLETS


def test_each_step_that_a_control_plans_has_the_row_of_that_control():
    planned = {
        (control.id, step.cmdlet)
        for control in CATALOGUE.values()
        for judgement in judgements(control)
        if isinstance(judgement, Drifted)
        for step in judgement.steps
    }
    told = {(control, cmdlet) for row in ROWS for control in quoted(row[0]) for cmdlet in cmdlets(row[0])}
    assert planned <= told
    assert len({control for control, _ in planned}) > 8


def test_a_control_without_a_row_is_said_to_write_nothing():
    with_row = {word for row in ROWS for word in quoted(row[0])}
    silent = re.search(r"\n([^\n|]+) write nothing\.", PAGE)
    assert silent
    assert quoted(silent[1]) == CATALOGUE.keys() - with_row


def test_what_a_person_asks_for_has_rows_too():
    first = " ".join(row[0] for row in ROWS)
    assert all(f"*{word}*" in first for word in ("remove", "open", "undo", "offboard"))
    assert "closing a false alert" in first
