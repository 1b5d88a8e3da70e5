"""infra/lock-evidence.sh locks the policy only after the account's name was typed, and sets the parameter."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.compiler import HERE as INFRA
from tests.infra.predicted import of

AZ = """#!/bin/sh
echo "az $*" >> {log}
case "$*" in
  "storage account list"*"starts_with(name, 'stholdfast')"*) echo stholdfast1 ;;
  "storage account list"*) echo sthfpkg1 ;;
  *"--query state"*) cat {state} ;;
  *"--query immutability"*) echo 2557 ;;
  *"--query etag"*) echo abc ;;
  *"immutability-policy lock"*) echo Locked > {state} ;;
esac
"""


@pytest.fixture
def run(tmp_path: Path):
    log, state = tmp_path / "log", tmp_path / "state"
    state.write_text("Unlocked\n")
    (tmp_path / "az").write_text(AZ.format(log=log, state=state))
    (tmp_path / "azd").write_text(f'#!/bin/sh\necho "azd $*" >> {log}\n')
    for tool in ("az", "azd"):
        (tmp_path / tool).chmod(0o755)

    def run(typed: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [INFRA / "lock-evidence.sh", "rg-holdfast-prod"],
            input=typed,
            text=True,
            capture_output=True,
            check=False,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )
        return done.returncode, done.stdout, log.read_text()

    return run


def test_the_policy_is_locked_after_the_accounts_name_was_typed_and_the_parameter_is_set(run):
    code, said, log = run("stholdfast1\n")
    assert code == 0
    assert "kept for 2557 days" in said
    assert "immutability-policy lock --if-match abc" in log
    assert "azd env set HOLDFAST_EVIDENCE_LOCKED true" in log


def test_anything_else_locks_nothing(run):
    code, _, log = run("yes\n")
    assert code == 1
    assert "immutability-policy lock" not in log
    assert "azd" not in log


def test_the_account_that_keeps_the_roots_is_meant_and_not_that_of_the_packages(run):
    [kept, packages] = sorted((each["name"] for each in of("Storage/storageAccounts", "prod")), reverse=True)
    assert (kept[:10], packages[:7]) == ("stholdfast", "sthfpkg")
    _, said, log = run("stholdfast1\n")
    assert "Each root in stholdfast1/anchors" in said
    assert "sthfpkg" not in said + log


def test_who_deploys_without_azd_is_told_which_parameter_to_set(run, tmp_path):
    (tmp_path / "azd").unlink()
    code, said, log = run("stholdfast1\n")
    assert (code, "set the parameter evidenceLocked to true" in said) == (0, True)
    assert "immutability-policy lock --if-match abc" in log


def test_a_run_that_stopped_half_way_is_finished_without_asking_again(run):
    run("stholdfast1\n")
    code, said, log = run("")
    assert (code, "Type the name" in said) == (0, False)
    assert log.count("azd env set") == 2
