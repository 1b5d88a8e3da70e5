"""The threat model of docs/security.md names, for each attack, tests that are there and what remains."""

import re

import pytest

from tests.devhost.processes import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
[MODEL] = re.findall(r"^## Threat model.*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
ROWS = [
    tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
    for line in MODEL.splitlines()
    if line.startswith("| ") and not line.startswith("| with what")
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_each_attack_names_tests_that_are_there(row: tuple[str, ...]) -> None:
    _, stands_before, shown_by, _ = row
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", shown_by)
    assert stands_before
    assert named, "an attack that no test shows"
    for path, test in named:
        text = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {test or r'test_'}", text, re.MULTILINE), (path, test)


def test_the_threat_model_has_every_kind_of_attacker() -> None:
    headings = re.findall(r"^### (.+)", MODEL, re.MULTILINE)
    kinds = ["Internet", "customer", "administrator", "MSP", "neighbour", "Azure, GitHub", "mistakes"]
    assert len(headings) == len(kinds)
    assert all(kind in heading for kind, heading in zip(kinds, headings, strict=True))
    assert len(ROWS) > len(kinds)
