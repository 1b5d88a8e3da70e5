"""Whoever reads a comment or a page can open what it cites: the pages, their headings, and the files in between."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN_BY_US = (
    *("domain", "clients", "handlers", "cli", "simulator", "devhost"),
    *("benchmarks", "infra", "tests", "docs", ".github"),
)
TEXTS = {".py", ".md", ".yaml", ".yml", ".bicep", ".bicepparam", ".sh", ".json", ".toml"}
PAPERS = re.compile(
    r"fact.sheet|\b(?:psa|dns|alerts|the) sheet|exchange-admin-api|dns-and-exchangedefender|style-anchors|house\.md"
    r"|\b[Dd]esign,? (?:section )?\d|\b[Tt]he design(?:'s)?\b|\bpromises? \d"
)
"""Papers that are not in this repository, and promises without the page they stand on."""
SECTION = re.compile(r"\bsections? \d+(?:\.\d+)*|\([1-9]\d?\.\d{1,2}(?:[),;]| (?:and|to) )")
OF_AN_RFC = re.compile(r"RFC \d+(?:[^.\n]|\.(?=\d))*$")


def texts() -> list[Path]:
    """Every text of ours. This test names what it forbids, so it is left out; the changelog tells of the past."""
    found = [path for folder in WRITTEN_BY_US for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    loose = [path for path in ROOT.iterdir() if path.suffix in TEXTS and path.name != "CHANGELOG.md"]
    return sorted({*found, *loose} - {Path(__file__).resolve()})


def anchors(page: Path) -> set[str]:
    """The headings of *page* as its links name them (GitHub's way: lower case, blanks to hyphens, signs left out)."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(path: Path) -> list[str]:
    """The comments and texts of a Python file, among them its docstrings."""
    spoken = {tokenize.COMMENT, tokenize.STRING, tokenize.FSTRING_MIDDLE}
    with path.open("rb") as file:
        return [token.string for token in tokenize.tokenize(file.readline) if token.type in spoken]


def missing(page: Path, anchor: str) -> str:
    """What is wrong with a citation of *anchor* on *page*; "" when it can be opened."""
    if not page.exists():
        return f"{page} does not exist"
    return f"{page.name} has no heading #{anchor}" if anchor and anchor not in anchors(page) else ""


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Page and heading of every `docs/...md#heading` in *text*, with those of `, #another` and `to #another` behind it."""
    for found in re.finditer(r"(docs/[\w/.-]+\.md)((?:(?:,|, from| to|,? and)?\s*#[\w-]+)*)", text):
        headings = re.findall(r"#([\w-]+)", found[2])
        yield from ((found[1], heading) for heading in headings or [""])


def linked(text: str) -> Iterator[tuple[str, str]]:
    """Path and heading of every relative link in the Markdown *text*."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield path, heading


def test_every_page_and_heading_that_a_comment_cites_exists():
    texts_by_path = {path: path.read_text("utf-8") for path in texts() if path.suffix != ".json"}
    wrong = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path, text in texts_by_path.items()
        for page, heading in cited(text)
        if (fault := missing(ROOT / page, heading))
    ]
    assert not wrong


def test_every_relative_link_of_a_page_leads_somewhere():
    pages = [path for path in [*texts(), ROOT / "CHANGELOG.md"] if path.suffix == ".md"]
    wrong = [
        f"{page.relative_to(ROOT)}: {path}#{heading}"
        for page in pages
        for path, heading in linked(page.read_text("utf-8"))
        if (missing(page.parent / path if path else page, heading if not path or path.endswith(".md") else ""))
    ]
    assert not wrong


def test_every_file_that_a_page_names_exists():
    """`handlers/loop/check.py`; NAME and ID stand for a name to come. The changelog and decisions tell of the past."""
    named = re.compile(r"`([\w/.-]+/[\w.-]+\.(?:py|md|yaml|bicep|sh))`")
    pages = [page for page in texts() if page.suffix == ".md" and page.parent.name != "decisions"]
    found = {(page, path) for page in pages for path in named.findall(page.read_text("utf-8"))}
    real = {(page, path) for page, path in found if not re.search("NAME|ID", path)}
    assert [path for page, path in sorted(real) if not ((ROOT / path).exists() or (page.parent / path).exists())] == []


@pytest.mark.parametrize("suffix", sorted(TEXTS - {".json"}))
def test_nothing_cites_a_paper_that_is_not_in_the_repository(suffix):
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        if path.suffix == suffix
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if PAPERS.search(line)
    ]
    assert not wrong


def test_a_section_number_stands_beside_the_rfc_it_belongs_to():
    """A bare "(2.12)" or "section 3.1" names no paper. In Python only: pages may number what they like."""
    wrong = [
        f"{path.relative_to(ROOT)}: {text.strip()[:80]!r}: {found[0]}"
        for path in texts()
        if path.suffix == ".py"
        for text in prose(path)
        for found in SECTION.finditer(text)
        if not OF_AN_RFC.search(text[: found.start()].replace("\n", " "))
    ]
    assert not wrong


def test_every_page_of_the_reference_is_cited_by_code():
    """A page that no code relies on is one more thing to keep true."""
    everything = "".join(path.read_text("utf-8") for path in texts() if path.suffix in {".py", ".sh"})
    unused = [
        page.name for page in (ROOT / "docs/reference").glob("[a-z]*.md") if f"reference/{page.name}" not in everything
    ]
    assert unused == []
