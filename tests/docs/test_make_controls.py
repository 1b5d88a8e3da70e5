"""docs/controls.md says what the catalogue says."""

from pathlib import Path

from clients.profiles import all_profiles
from docs.make_controls import page
from domain.controls import CATALOGUE, WRITINGS


def test_the_page_in_the_tree_is_the_one_that_make_docs_writes():
    assert Path("docs/controls.md").read_text("utf-8") == page(all_profiles().newest.values())


def test_the_page_names_every_control_with_its_cmdlets_and_roles():
    text = page(all_profiles().newest.values())
    assert all(f"## {control}\n" in text for control in CATALOGUE)
    for writing in WRITINGS:
        assert all(f"`{cmdlet}`" in text for cmdlet in writing.cmdlets)
        assert f"(role: {writing.role})" in text
    assert "named by the guide alone" in text.lower()
