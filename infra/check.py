"""Checks the Bicep files: the compiler's word on them, then checkov's on what they come to.

    python -m infra.check            whether all is well; without a compiler, what can be checked all the same
    python -m infra.check snapshots  write infra/snapshots anew
    python -m infra.check fresh      whether API versions are recent, by today's date

checkov exits with 0 on a file that it cannot read, reads no Bicep of today, and finds nothing in a template whose
modules are nested and whose resources have names. So it is given flat templates, and believed only where it read all.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import compiler
from infra.compiler import HERE, SNAPSHOTS, Compiler, CompilerError

CHECKOV = HERE.parent / ".checkov" / "bin" / "checkov"


def flat(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the resources of a compiled template, those of its modules too, without those that are only looked up."""
    resources = template["resources"]
    for each in resources.values() if isinstance(resources, dict) else resources:
        if each["type"] == "Microsoft.Resources/deployments":
            yield from flat(each["properties"]["template"])
        elif not each.get("existing"):
            yield {name: value for name, value in each.items() if name not in {"dependsOn", "copy", "existing"}}


def faults(report: dict[str, Any], log: str) -> list[str]:
    """What is wrong, a line each: files that were not read, checks that did not run, checks that failed."""
    unread = report["summary"]["parsing_errors"]
    crashed = sorted(set(re.findall(r"Failed to run check (\S+ on \S+)", log)))
    return [
        *([f"{unread} files could not be parsed"] if unread else []),
        *(["nothing was checked"] if not report["summary"]["passed"] else []),
        *(f"did not run: {each}" for each in crashed),
        *(
            f"{c['check_id']} {c['file_path']} {c['resource']}: {c['check_name']}"
            for c in report["results"]["failed_checks"]
        ),
    ]


def compiled(bicep: Compiler) -> list[str]:
    """What the compiler finds wrong, a line each; what it predicts is compared with the snapshots."""
    found = compiler.lint(bicep)
    found += [f"{file}: is not as `bicep format` has it" for file in compiler.unformatted(bicep)]
    if not found:
        for file, text in compiler.snapshots(bicep).items():
            if not file.exists() or file.read_text("utf-8") != text:
                found.append(f"{file.name}: is not what would be deployed; see `make infra-snapshots` and git diff")
    return found


def checkov(bicep: Compiler | None) -> list[str]:
    """What checkov finds wrong with the compiled template, and with what a production deployment would make."""
    production = json.loads((SNAPSHOTS / "prod.json").read_text("utf-8"))
    given = {"prod": production["predictedResources"]}
    if bicep:
        given["main"] = list(flat(compiler.template(bicep)))
    with tempfile.TemporaryDirectory() as folder:
        for name, resources in given.items():
            whole = {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}
            Path(folder, f"{name}.json").write_text(json.dumps(whole), "utf-8")
        command = [str(CHECKOV), "--config-file", str(HERE / "checkov.yaml"), "--directory", folder, "--output", "json"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    try:
        report = json.loads(run.stdout)
    except ValueError:
        return [f"checkov gave no report: {run.stderr.strip()[-500:]}"]
    summary = report["summary"]
    print(f"checkov: {' and '.join(sorted(given))}: {summary['resource_count']} resources, {summary['passed']} passed")
    return faults(report, run.stderr)


_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def main(verb: str = "") -> int:
    bicep = compiler.find()
    print(f"bicep: {bicep.path}" if bicep else "bicep: none in BICEP, on the PATH or in ../shared/tools: not compiled")
    if verb and not bicep:
        return 1
    match verb, bicep:
        case "snapshots", Compiler():
            for file, text in compiler.snapshots(bicep).items():
                file.write_text(text, "utf-8")
            return 0
        case "fresh", Compiler():
            found = compiler.stale(bicep)
        case _:
            found = [*(compiled(bicep) if bicep else []), *checkov(bicep)]
    for fault in found:
        print(f"infra: {fault}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except CompilerError as refused:
        sys.exit(f"infra: {refused}")
