"""What is deployed: what runs, compiled, the same bytes for the same content."""

import ast
import fnmatch
import re
import shutil
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from infra import make_package
from infra.make_package import APP, LIBRARIES, ROOT


def written(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app as it is packed, with one small library instead of all."""
    folder = tmp_path_factory.mktemp("package")
    make_package.copy_app(ROOT, folder)
    library = folder / LIBRARIES / "library"
    for name in ("__init__.py", "typed.pyi", "tests/test_it.py", "inner/tests/__init__.py"):
        written(library / name)
    written(folder / LIBRARIES / "library-1.0.dist-info" / "entry_points.txt", "[x]\n")
    make_package.prune(folder / LIBRARIES)
    make_package.compile_all(folder)
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_package_holds_the_app_and_nothing_else(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == {*APP, ".python_packages", "__pycache__"}
    assert "domain/profiles/exchangedefender-2026-11-23.yaml" in files(package)


def test_what_no_import_reads_is_left_out_and_entry_points_stay(package: Path) -> None:
    library = files(package / LIBRARIES)

    assert "library/__init__.py" in library
    assert "library-1.0.dist-info/entry_points.txt" in library
    assert not [name for name in library if "tests/" in name or name.endswith(".pyi")]


def test_every_module_comes_compiled_and_is_believed_whatever_its_time(package: Path) -> None:
    compiled = package / "__pycache__" / "function_app.cpython-313.pyc"

    # PEP 552: the second word is 1 for a hash, and the check is asked for by a further bit, which is not set.
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 1
    modules = [name for name in files(package) if name.endswith(".py")]
    assert len(modules) == len([name for name in files(package) if name.endswith(".pyc")])


def test_the_same_content_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    make_package.pack(package, first)
    (package / "host.json").touch()
    make_package.pack(package, second)

    assert first.read_bytes() == second.read_bytes()
    assert "host.json" in zipfile.ZipFile(first).namelist()


def test_what_azd_zips_anew_leaves_no_bytecode_out(package: Path, tmp_path: Path) -> None:
    """azd leaves `__pycache__` out where the folder has no `.funcignore`, and what that names where it has one."""
    folder = tmp_path / "package"
    shutil.copytree(package, folder)
    make_package.keep_bytecode(folder)

    assert (folder / ".funcignore").read_text() == ""
    assert files(folder) == files(package) | {".funcignore"}


def test_a_file_that_does_not_compile_ends_it(tmp_path: Path) -> None:
    for name in APP:
        written(tmp_path / name if "." in name else tmp_path / name / "__init__.py")
    written(tmp_path / "handlers" / "broken.py", "def :\n")

    with pytest.raises(ValueError, match="handlers does not compile"):
        make_package.compile_all(tmp_path)


def test_the_app_imports_nothing_that_is_left_out() -> None:
    packed = {Path(name).stem for name in APP}
    ours = {path.name for path in ROOT.iterdir() if path.is_dir() and list(path.glob("*.py"))} - {"build"}
    for name in APP:
        for path in [ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"):
            imported = {
                module.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                for module in _modules(node)
            }
            assert not imported & (ours - packed), path


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
        case _:
            return []


def test_tools_that_publish_from_the_folder_take_the_same() -> None:
    ignored = [line for line in (ROOT / ".funcignore").read_text().splitlines() if line and not line.startswith("#")]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {name.split("/")[0] for name in listed}

    assert {top for top in tops if not any(fnmatch.fnmatch(top, each) for each in ignored)} == set(APP)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package in a folder that pip takes for its only index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("thing.py", "")
        file.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        file.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


@pytest.mark.parametrize("pin", ["right", "of another file", "none"])
def test_only_a_package_of_the_pinned_hash_is_installed(wheel, tmp_path, pin):
    digest = {"right": sha256(wheel.read_bytes()).hexdigest(), "of another file": sha256(b"evil").hexdigest()}.get(pin)
    requirements, target = tmp_path / "requirements.txt", tmp_path / "libraries"
    requirements.write_text("thing==1.0" + (f" --hash=sha256:{digest}" if digest else ""))
    if pin == "right":
        make_package.install(requirements, target)
        assert (target / "thing.py").exists()
    else:
        with pytest.raises(CalledProcessError):
            make_package.install(requirements, target)
        assert not (target / "thing.py").exists()


def test_every_package_that_is_deployed_is_pinned_by_hash():
    pins = re.split(r"\n(?=[a-z])", (ROOT / "requirements.txt").read_text("utf-8"))[1:]
    assert pins
    assert [pin.split("==")[0] for pin in pins if "--hash=sha256:" not in pin] == []
