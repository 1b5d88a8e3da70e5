"""docs/platform.md names only tests that are there."""

import re

import pytest

from tests.devhost.processes import ROOT

PAGE = (ROOT / "docs" / "platform.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", PAGE)))
ROWS = [line.split(" | ") for line in PAGE.split("\n## Not tried")[0].splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_is_there(name: str) -> None:
    file, _, test = name.partition("::")

    assert f"def {test}(" in (ROOT / file).read_text("utf-8") if test else (ROOT / file).is_file()


def test_every_fact_has_a_source_and_a_test_or_was_not_tried() -> None:
    facts = [row for row in ROWS if row[0] != "| fact"]

    assert len(facts) > 40
    for row in facts:
        assert len(row) == 3, row
        assert re.search(r"`tests/|\*not tried\*|make (infra|bench)|snapshots|none: |the same", row[2]), row
