"""Makes the package that is deployed: build/package, the same as build/holdfast.zip, and beside it what is in it.

Dependencies are installed for the platform (Linux on x86-64, CPython 3.13), whatever machine this is, and compiled: the
app runs from a read-only package, so bytecode that is not in it would be made again at every cold start.
"""

import compileall
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

from infra.bill_of_materials import bill_of_materials

ROOT = Path(__file__).parents[1]
APP = ("clients", "domain", "handlers", "function_app.py", "ncrontab.py", "host.json", "requirements.txt")
LIBRARIES = Path(".python_packages", "lib", "site-packages")
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")

NOT_RUN = ("__pycache__", "tests", "bin", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h")
"""What libraries bring along that no import ever reads."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MEBI = 1024 * 1024


def main() -> int:
    if sys.version_info[:2] != (3, 13):
        print("package: bytecode is that of the Python that makes it: run this with Python 3.13", file=sys.stderr)
        return 1
    build = ROOT / "build"
    folder, archive = build / "package", build / "holdfast.zip"
    shutil.rmtree(folder, ignore_errors=True)
    copy_app(ROOT, folder)
    install(ROOT / "requirements.txt", folder / LIBRARIES)
    prune(folder / LIBRARIES)
    compile_all(folder)
    pack(folder, archive)
    keep_bytecode(folder)
    bill = bill_of_materials(folder / LIBRARIES, ROOT / "requirements.txt", version())
    archive.with_suffix(".cdx.json").write_text(json.dumps(bill, indent=1), "utf-8")
    sizes = f"{archive.stat().st_size / _MEBI:.1f} MiB, {size(folder) / _MEBI:.1f} MiB unpacked"
    print(f"{archive.relative_to(ROOT)}: {sizes}")
    return 0


def version() -> str:
    """The app's, by pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def copy_app(source: Path, folder: Path) -> None:
    """Copy what runs, and nothing else."""
    for name in APP:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)


def install(requirements: Path, target: Path) -> None:
    """Install wheels for the platform, each of a hash that *requirements* lists.

    A package that has none fails, for nothing can be built for elsewhere.

    Raises:
        CalledProcessError: pip does not, or should not, install one of them.
    """
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    python = ["--python-version", "3.13", "--implementation", "cp", "--only-binary=:all:"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command = [*pip, *platforms, *python, "--target", str(target), "--require-hashes"]
    command += ["--requirement", str(requirements)]
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments


def prune(libraries: Path) -> None:
    """Take away what no import reads. Metadata stays: entry points are found by it."""
    for pattern in NOT_RUN:
        for found in list(libraries.rglob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()


def compile_all(folder: Path) -> None:
    """Compile everything, to bytecode that is believed whatever time unpacking gives the sources.

    Raises:
        ValueError: A file of the app does not compile. Libraries may carry templates that are none.
    """
    unchecked = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder / ".python_packages", quiet=2, invalidation_mode=unchecked)
    for name in APP:
        path = folder / name
        compiled = (
            compileall.compile_dir(path, quiet=1, invalidation_mode=unchecked)
            if path.is_dir()
            else path.suffix != ".py" or compileall.compile_file(path, quiet=1, invalidation_mode=unchecked)
        )
        if not compiled:
            raise ValueError(f"{name} does not compile")


def pack(folder: Path, archive: Path) -> None:
    """Zip *folder*, the same bytes for the same content: in order, with one time for all."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, path.read_bytes())


def keep_bytecode(folder: Path) -> None:
    """Give *folder* an empty ignore file: `azd`, which zips it anew, leaves bytecode out where there is none."""
    (folder / ".funcignore").touch()


def size(folder: Path) -> int:
    """Bytes of all files in *folder*."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
