"""How the house is kept: no import circle, no class that is a house of its own, tests that are found by name."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("domain", "clients", "handlers")
WINGS = (*PRODUCT, "cli", "simulator", "devhost")
LONGEST_CLASS = 150
LONG = 100
"""Lines from which on a module of the product has test files of its own."""

TESTED_ELSEWHERE = {
    "clients/connect.py": "stack/test_stack.py",  # makes the others: what it makes is run as a whole
    "clients/storage/__init__.py": "stack/test_stack.py",  # the same, for the tables and queues
    "clients/reader.py": "handlers/loop/test_check.py",  # a look is judged by what becomes of the tenant
    "clients/telemetry.py": "handlers/test_telemetry.py",  # what is told is told by the whole
    "clients/psa/api.py": "clients/psa/test_systems.py",  # what the three systems have in common
    "clients/storage/states.py": "lives/test_life.py",  # whoever comes between two writes, and every crash
    "handlers/waves.py": "handlers/api/test_waves.py",  # what people ask of a wave, they ask by the API
    "domain/control.py": "domain/controls/test_every_control.py",  # what all controls have in common
    "domain/errors.py": "handlers/api/test_problems.py",  # what each is told as
    "domain/exchange.py": "domain/controls/test_every_control.py",  # the objects that they look at
    "domain/ledger.py": "handlers/loop/test_correct.py",  # entries, which others make
    "handlers/fleet.py": "handlers/api/test_fleet.py",  # what its lists are, over HTTP
    "handlers/inbox.py": "handlers/api/test_fleet.py",  # the same
    "handlers/lists.py": "handlers/api/test_fleet.py",  # the same
    "handlers/loop/journal.py": "handlers/loop/test_correct.py",  # what a remediation writes down of itself
}
LAWS = {
    "tests/domain/controls/test_every_control.py",  # about the whole catalogue
    "tests/handlers/test_telemetry.py",  # clients/telemetry.py, told by the whole
    "tests/handlers/test_side_by_side.py",  # two versions on one storage account
    "tests/handlers/test_upgrade.py",  # what the version before left in storage
}


def files(*folders: str, pattern: str = "*.py") -> list[str]:
    return [str(path.relative_to(ROOT)) for each in folders for path in sorted((ROOT / each).rglob(pattern))]


@pytest.mark.parametrize("wing", WINGS)
def test_no_modules_import_each_other_in_a_circle(wing):
    graph = grimp.build_graph(wing, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while done := {module for module, needed in imports.items() if not needed & imports.keys()}:
        imports = {module: needed for module, needed in imports.items() if module not in done}
    assert imports == {}


@pytest.mark.parametrize("file", files(*WINGS, "tests"))
def test_no_class_is_over_150_lines(file):
    classes = [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.ClassDef)]
    lines = {each.name: each.end_lineno - each.lineno + 1 for each in classes if each.end_lineno}
    assert {name: count for name, count in lines.items() if count > LONGEST_CLASS} == {}


@pytest.mark.parametrize("file", files("domain", "handlers", "clients/storage"))
def test_no_state_is_changed_past_the_type_checker(file):
    """`dataclasses.replace` names its fields, which mypy checks; a model's copy, or fields of any type, are not checked."""
    tree = ast.parse((ROOT / file).read_text())
    copies = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "model_copy"]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    loose = [
        each.name
        for each in functions
        if each.args.kwarg and ast.unparse(each.args.kwarg.annotation or ast.Constant(None)) == "Any"
    ]
    assert (copies, loose) == ([], ["pack"] if file == "clients/storage/documents.py" else [])


def test_a_misspelt_field_and_a_state_that_there_is_not_are_errors_of_the_type_checker(tmp_path):
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        "from dataclasses import replace\n"
        "from domain.states import ControlState\n"
        "replace(ControlState(id='spf'), detial='x')\n"
        "replace(ControlState(id='spf'), state='no such state')\n"
        "ControlState(id='spf', detial='x')\n"
        "replace(ControlState(id='spf'), detail='x')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(snippet)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert re.findall(r"snippet\.py:(\d+): error: .*\[([a-z-]+)\]", told) == [
        ("3", "call-arg"),
        ("4", "arg-type"),
        ("5", "call-arg"),
    ]


MODULES = files(*WINGS)
TEST_FILES = files("tests", pattern="test_*.py")
MIRRORED = [each for each in TEST_FILES if each.startswith(tuple(f"tests/{wing}/" for wing in WINGS))]


def names(module: str) -> set[str]:
    """Where the tests of *module* are: `test_<module>` in the folder of its name; for a package also inside."""
    path = Path("tests", module)
    if path.name != "__init__.py":
        return {f"{path.parent}/test_{path.stem.strip('_')}"}
    package = path.parent
    return {f"{package.parent}/test_{package.name}", f"{package}/test_{package.name}"}


def is_about(test: str, module: str) -> bool:
    """Whether *test* has a name of the tests of *module*, alone or with `_<aspect>` behind it."""
    return any(test == f"{name}.py" or test.startswith(f"{name}_") for name in names(module))


@pytest.mark.parametrize("module", [each for each in files(*PRODUCT) if each not in TESTED_ELSEWHERE])
def test_the_tests_of_a_long_module_are_found_by_its_name(module):
    if len((ROOT / module).read_text().splitlines()) > LONG:
        assert [test for test in TEST_FILES if is_about(test, module)]


@pytest.mark.parametrize("test", [each for each in MIRRORED if each not in LAWS])
def test_the_module_that_a_test_is_about_is_found_by_its_name(test):
    assert [module for module in MODULES if is_about(test, module)]


def test_what_is_tested_elsewhere_is_there():
    named = [*(f"tests/{each}" for each in TESTED_ELSEWHERE.values()), *TESTED_ELSEWHERE, *LAWS]
    assert [each for each in named if not (ROOT / each).exists()] == []
