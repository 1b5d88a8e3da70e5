"""checkov is believed only where it has read everything."""

from typing import Any

import pytest

from infra.check import faults

FAILED = {"check_id": "CKV_AZURE_44", "file_path": "/storage.bicep", "resource": "account", "check_name": "TLS"}


def report(passed: int = 3, unread: int = 0, failed: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"summary": {"passed": passed, "parsing_errors": unread}, "results": {"failed_checks": failed or []}}


def test_a_whole_report_without_failures_is_no_fault() -> None:
    assert faults(report(), "") == []


@pytest.mark.parametrize(
    ("given", "log", "told"),
    [
        pytest.param(report(unread=1), "", "1 files could not be parsed", id="a file it cannot parse"),
        pytest.param(report(passed=0), "", "nothing was checked", id="an empty report"),
        pytest.param(report(failed=[FAILED]), "", "CKV_AZURE_44 /storage.bicep account: TLS", id="a failed check"),
        pytest.param(
            report(), "[ERROR]  Failed to run check CKV_X on a.bicep:b", "did not run: CKV_X on a.bicep:b", id="a crash"
        ),
    ],
)
def test_what_was_not_checked_is_a_fault(given: dict[str, Any], log: str, told: str) -> None:
    assert faults(given, log) == [told]
