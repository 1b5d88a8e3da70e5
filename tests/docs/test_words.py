"""One word, one meaning: a public name that two modules define means the same in both, or is two names."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = ("domain", "clients", "handlers", "cli")

SHARED_ON_PURPOSE = {
    "log": "each module's logger",
    "CONTROL": "what every file of domain/controls/ is asked for",
    "router": "each file of handlers/api/ gives its paths by it",
    "app": "what Azure Functions and Typer each look for",
}
NAMESPACES = ("domain/mail/spf/", "domain/mail/dmarc/")
"""Two packages of one shape, read with their name in front: `spf.parse`, `dmarc.parse`. Elsewhere their names are free."""
COMMANDS = {"cli/main.py", "cli/fleet.py", "cli/answers.py"}
"""The commands of `holdfast` are named like the endpoints that they call: the same word for the same thing."""


def public(tree: ast.Module) -> Iterator[str]:
    """The names that a module defines at its top level for others."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found = [name]
            case ast.TypeAlias(name=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case ast.Assign(targets=targets):
                found = [target.id for target in targets if isinstance(target, ast.Name)]
            case _:
                found = []
        yield from (name for name in found if not name.startswith("_"))


def defined() -> dict[str, set[str]]:
    """The modules that define each public name; a namespace counts as one module."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in [ROOT / "function_app.py", *(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))]:
        module = path.relative_to(ROOT).as_posix()
        space = next((each for each in NAMESPACES if module.startswith(each)), "")
        if module not in COMMANDS:
            for name in public(ast.parse(path.read_text("utf-8"))):
                places[name].add(space or module)
    return places


def test_no_public_name_has_two_meanings():
    twice = {
        name: sorted(modules)
        for name, modules in defined().items()
        if len(modules) > 1 and not modules <= {*NAMESPACES} and name not in SHARED_ON_PURPOSE
    }
    assert twice == {}


def test_no_word_of_the_dictionary_has_two_rows():
    rows = [
        line.split("|")[1].strip()
        for line in (ROOT / "docs/words.md").read_text("utf-8").splitlines()
        if "| **" in line[:4]
    ]
    assert [each for each in rows if rows.count(each) > 1] == []
