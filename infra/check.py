"""Runs checkov on the modules and believes it only where it has read them: it exits 0 on a file it cannot parse.

main.bicep is not given to it: its parser (pycep 0.5.1, pinned by checkov) knows neither `fail` nor `cidrSubnet`. That
file holds no resource but the group; tests/infra reads it by another parser.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHECKOV = HERE.parent / ".checkov" / "bin" / "checkov"


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


def main() -> int:
    command = [str(CHECKOV), "--config-file", "checkov.yaml", "--output", "json"]
    run = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    try:
        report = json.loads(run.stdout)
    except ValueError:
        print(f"checkov gave no report: {run.stderr.strip()[-500:]}", file=sys.stderr)
        return 1
    for fault in (found := faults(report, run.stderr)):
        print(f"infra: {fault}", file=sys.stderr)
    summary = report["summary"]
    if not found:
        print(
            f"checkov: {summary['passed']} passed, {summary['skipped']} exempted beside their reasons, parsing errors 0"
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
