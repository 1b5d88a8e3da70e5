"""The Bicep compiler: where it is, and what it makes of the files beside this one.

It needs no network here, for no file refers to a registry. It writes beside what it reads, so it works on a copy.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SNAPSHOTS = HERE / "snapshots"
BUILD = HERE.parent / "build"
BESIDE = HERE.parents[1] / "shared" / "tools" / "bicep"

PREDICTED = {
    "AZURE_ENV_NAME": "azd",
    "AZURE_LOCATION": "westeurope",
    "AZURE_PRINCIPAL_ID": "33333333-3333-3333-3333-333333333333",
    "HOLDFAST_ALERT_EMAIL": "operators@example.org",
    "HOLDFAST_KEYS": '[{"name": "first", "sha256": "0f0f", "roles": ["Admin"]}]',
    "HOLDFAST_CLIENT_ID": "44444444-4444-4444-4444-444444444444",
    "HOLDFAST_OPERATOR_ID": "33333333-3333-3333-3333-333333333333",
}
"""What parameter files read from the environment, as the snapshots have it. What is not here is at its default."""

DEPLOYMENT = (
    *("--deployment-name", "holdfast", "--location", "westeurope"),
    *("--subscription-id", "11111111-1111-1111-1111-111111111111"),
    *("--tenant-id", "22222222-2222-2222-2222-222222222222"),
)
"""The deployment that is predicted; without a name, references to what modules give would not be worked out."""


class CompilerError(Exception):
    """The compiler refuses what it was given; carries its own words."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """One compiler, by the path of its executable."""

    path: Path

    def __call__(self, *arguments: str, folder: Path, **variables: str) -> str:
        """Run one of its commands in *folder*, with *variables* for environment; return what it prints.

        Raises:
            CompilerError: It printed a diagnostic, or failed. It exits with 0 on a warning, which is one too here.
        """
        # It unpacks a library of its own at each start: into build/, for there may be no home.
        environment = {"DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(BUILD / "bicep"), "PATH": os.environ["PATH"]} | variables
        run = subprocess.run(  # noqa: S603 - our own arguments
            [self.path, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode or run.stderr.strip():
            raise CompilerError(run.stderr.strip().replace(f"{folder}/", "") or f"exit code {run.returncode}")
        return run.stdout


def find() -> Compiler | None:
    """Return the compiler that `BICEP` names, else one on the PATH, else the one of ../shared/tools.

    Raises:
        CompilerError: `BICEP` names no file.
    """
    if named := os.environ.get("BICEP"):
        if not Path(named).is_file():
            raise CompilerError(f"BICEP: there is no file {named}")
        return Compiler(Path(named).absolute())
    if on_path := shutil.which("bicep"):
        return Compiler(Path(on_path))
    return Compiler(_runnable(BESIDE)) if BESIDE.is_file() else None


def _runnable(path: Path) -> Path:
    """Return *path*, or a copy in build/ where the folder it lies in was laid without execute bits."""
    if os.access(path, os.X_OK):
        return path
    copy = BUILD / "bicep" / path.name
    if not copy.exists() or copy.stat().st_size != path.stat().st_size:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o755)
    return copy


@contextmanager
def _copied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / HERE.name
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("__pycache__", "snapshots"))
        yield copy


def lint(bicep: Compiler) -> list[str]:
    """Ask every rule of bicepconfig.json of every file, a parameter file's values included."""
    with _copied() as folder:
        checks = [("lint", "--pattern", "**/*.bicep")]
        checks += [("build-params", file.name, "--stdout") for file in sorted(folder.glob("*.bicepparam"))]
        return [line for check in checks for line in _told(bicep, *check, folder=folder)]


def stale(bicep: Compiler) -> list[str]:
    """Ask for API versions that are over two years old: what `lint` does not, for the answer changes by the day."""
    with _copied() as folder:
        rules = {"use-recent-api-versions": {"level": "warning"}}
        (folder / "fresh.json").write_text(json.dumps({"analyzers": {"core": {"rules": rules}}}), "utf-8")
        return _told(bicep, "lint", "--pattern", "**/*.bicep", "--config", "fresh.json", folder=folder)


def _told(bicep: Compiler, *arguments: str, folder: Path) -> list[str]:
    try:
        bicep(*arguments, folder=folder, **PREDICTED)
    except CompilerError as error:
        return sorted(set(str(error).splitlines()))
    return []


def unformatted(bicep: Compiler) -> list[str]:
    """Name the files that `bicep format` would change."""
    with _copied() as folder:
        for kind in ("bicep", "bicepparam"):
            bicep("format", "--pattern", f"**/*.{kind}", folder=folder)
        files = sorted(each.relative_to(folder) for each in folder.rglob("*.bicep*") if each.suffix != ".json")
        return [str(file) for file in files if (folder / file).read_bytes() != (HERE / file).read_bytes()]


def template(bicep: Compiler) -> dict[str, Any]:
    """Compile main.bicep to the JSON that Azure takes."""
    with _copied() as folder:
        compiled: dict[str, Any] = json.loads(bicep("build", "main.bicep", "--stdout", folder=folder))
    return compiled


def snapshot(bicep: Compiler, parameters: str) -> str:
    """Predict every resource that a deployment with the parameter file of that text would make, as JSON.

    Raises:
        CompilerError: The file is wrong, or a limit of main.bicep turns it down.
    """
    with _copied() as folder:
        (folder / "asked.bicepparam").write_text(parameters, "utf-8")
        bicep("snapshot", "asked.bicepparam", "--mode", "overwrite", *DEPLOYMENT, folder=folder, **PREDICTED)
        predicted = json.loads((folder / "asked.snapshot.json").read_text("utf-8"))
    predicted["outputs"] = dict(sorted(predicted["outputs"].items()))  # they come in any order
    for each in predicted["predictedResources"]:
        if each["type"] == "Microsoft.Insights/workbooks":  # its content is a file of its own, which has its own diffs
            each["properties"]["serializedData"] = "infra/workbook.json"
    return json.dumps(predicted, indent=2, ensure_ascii=False) + "\n"


def snapshots(bicep: Compiler) -> dict[Path, str]:
    """Predict what each parameter file makes, by the file that keeps it."""
    files = sorted(HERE.glob("*.bicepparam"))
    return {SNAPSHOTS / f"{file.stem}.json": snapshot(bicep, file.read_text("utf-8")) for file in files}
