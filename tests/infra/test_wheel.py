"""What `pipx install` of a checkout has: the wheel's own files are all that the command line imports of ours."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_command_line_starts_from_what_the_wheel_has(tmp_path):
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(ROOT / package, tmp_path / package)
    for source, target in wheel["force-include"].items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / target)
    every = "import cli, importlib, pkgutil; [importlib.import_module(f'cli.{each.name}') for each in pkgutil.iter_modules(cli.__path__)"
    every += " if each.name != '__main__']"
    for words in (["-c", every], ["-m", "cli", "--help"]):
        run = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    assert "waves" in run.stdout
