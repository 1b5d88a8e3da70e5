"""How the house is kept: no import circle, no class that is a house of its own, tests that are found by name."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("domain", "clients", "handlers")
WINGS = (*PRODUCT, "cli", "simulator", "devhost")
NOT_YET = ("handlers/loop/", "handlers/api/", "handlers/operations.py")
"""Wings that are being rebuilt, whose files move with it."""
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
    "domain/control.py": "domain/controls/test_every_control.py",  # what all controls have in common
    "domain/errors.py": "handlers/api/test_problems.py",  # what each is told as
    "domain/exchange.py": "domain/controls/test_every_control.py",  # the objects that they look at
    "domain/ledger.py": "handlers/loop/test_correct.py",  # entries, which others make
}
LAWS = {
    "tests/domain/controls/test_every_control.py",  # about the whole catalogue
    "tests/handlers/test_telemetry.py",  # clients/telemetry.py, told by the whole
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


@pytest.mark.parametrize("file", [each for each in files(*WINGS, "tests") if not each.startswith(NOT_YET)])
def test_no_class_is_over_150_lines(file):
    classes = [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.ClassDef)]
    lines = {each.name: each.end_lineno - each.lineno + 1 for each in classes if each.end_lineno}
    assert {name: count for name, count in lines.items() if count > LONGEST_CLASS} == {}


MODULES = files(*WINGS)
TEST_FILES = files("tests", pattern="test_*.py")
MIRRORED = [
    each
    for each in TEST_FILES
    if each.startswith(tuple(f"tests/{wing}/" for wing in WINGS))
    and not each.startswith(tuple(f"tests/{wing}" for wing in NOT_YET))
]


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
    if len((ROOT / module).read_text().splitlines()) > LONG and not module.startswith(NOT_YET):
        assert [test for test in TEST_FILES if is_about(test, module)]


@pytest.mark.parametrize("test", [each for each in MIRRORED if each not in LAWS])
def test_the_module_that_a_test_is_about_is_found_by_its_name(test):
    assert [module for module in MODULES if is_about(test, module)]


def test_what_is_tested_elsewhere_is_there():
    named = [*(f"tests/{each}" for each in TESTED_ELSEWHERE.values()), *TESTED_ELSEWHERE, *LAWS]
    assert [each for each in named if not (ROOT / each).exists()] == []
