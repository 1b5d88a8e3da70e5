"""What `pipx install .` of a checkout has: the wheel's own files and its dependencies are all that `holdfast` imports."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EVERY = """
import sys, importlib, pkgutil
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {absent}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import cli
for each in pkgutil.iter_modules(cli.__path__):
    if each.name != "__main__":
        importlib.import_module(f"cli.{{each.name}}")
"""


def named(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def installed_with(packages: list[str]) -> set[str]:
    """*packages* and all that they need in turn, here and without extras."""
    here = {named(each) for owners in packages_distributions().values() for each in owners}
    found, wanted = set[str](), [named(each) for each in packages]
    while wanted:
        package = wanted.pop()
        if package in here - found:
            found.add(package)
            wanted += [named(each) for each in requires(package) or () if "extra ==" not in each]
    return found


def test_the_command_line_starts_from_what_the_wheel_has_and_needs(tmp_path):
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(ROOT / package, tmp_path / package)
    for source, target in wheel["force-include"].items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / target)
    there = installed_with(PROJECT["project"]["dependencies"])
    absent = {name for name, owners in packages_distributions().items() if not {named(each) for each in owners} & there}
    for words in (["-c", EVERY.format(absent=absent)], ["-m", "cli", "--help"]):
        run = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    assert "waves" in run.stdout


def test_what_is_deployed_does_not_carry_the_command_line():
    pinned = {named(each) for each in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if "==" in each}
    assert {named(each) for each in PROJECT["dependency-groups"]["app"]} <= pinned
    assert not {"typer", "rich"} & pinned
