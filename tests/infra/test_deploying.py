"""azd's file and the workflow name what is there, and trust nobody more than they must."""

import json
import os
import re
import subprocess
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.devhost.processes import ROOT
from tests.infra.predicted import SETS, of

AZD: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [(name, step) for name, job in WORKFLOW["jobs"].items() for step in job["steps"]]
OUTPUTS = set(re.findall(r"^output (\w+) ", (ROOT / "infra" / "main.bicep").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", SETS)
def test_azd_finds_the_app_by_its_tag(name: str) -> None:
    [app] = of("Web/sites", name)

    assert app["tags"]["azd-service-name"] in AZD["services"]
    assert app["tags"]["azd-env-name"]


def test_azd_deploys_the_package_that_its_hook_makes(tmp_path: Path) -> None:
    """The hook runs, with a `make` that only writes down what it is asked for."""
    (tmp_path / "make").write_text(f'#!/bin/sh\necho "$PWD $@" >>{tmp_path}/asked\n')
    (tmp_path / "make").chmod(0o755)
    hook = AZD["hooks"]["prepackage"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([hook["shell"], "-c", hook["run"]], cwd=ROOT, env=path, check=True)

    assert (tmp_path / "asked").read_text().splitlines() == [f"{ROOT} package"]
    assert AZD["services"]["holdfast"]["project"] == "build/package"
    assert AZD["services"]["holdfast"]["remoteBuild"] is False
    assert {"path": "infra", "module": "main"}.items() <= AZD["infra"].items()


NODE_24 = {"checkout": 5, "setup-python": 6, "setup-node": 5, "upload-artifact": 6, "download-artifact": 7, "login": 3}
"""The first release of each action that runs on Node 24: GitHub's runners have no older one that is supported."""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_are_githubs_or_the_sign_in_and_run_on_a_supported_node(workflow: Path) -> None:
    used = re.findall(r"uses: *(.+)", workflow.read_text("utf-8"))

    assert used
    for each in used:
        pinned = re.fullmatch(r"(?:actions|azure)/([a-z-]+)@[0-9a-f]{40} # v(\d+)\.\d+\.\d+", each)
        assert pinned, each
        assert int(pinned[2]) >= NODE_24[pinned[1]], each


def test_one_release_of_an_action_is_one_commit() -> None:
    used = {each for path in WORKFLOWS for each in re.findall(r"uses: *(.+)", path.read_text("utf-8"))}
    assert len(used) == len({each.partition("@")[0] for each in used})


def test_a_token_is_given_only_where_an_environment_guards_it() -> None:
    for name, job in WORKFLOW["jobs"].items():
        if job.get("permissions", {}).get("id-token") == "write":
            assert job["environment"], name
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_a_pull_request_is_shown_what_it_would_change_and_deploys_nothing() -> None:
    preview = WORKFLOW["jobs"]["preview"]
    told = " ".join(step.get("run", "") for step in preview["steps"])

    assert "what-if" in told
    assert "gh pr comment" in told
    assert "head.repo.full_name == github.repository" in preview["if"]
    assert "deployment sub create" not in told
    assert WORKFLOW["jobs"]["deploy"]["if"].startswith("github.event_name != 'pull_request'")


def test_text_of_strangers_reaches_no_shell() -> None:
    """A pull request's title or branch in a command would be run."""
    for name, step in STEPS:
        assert "${{ github." not in step.get("run", ""), name
        assert "${{ inputs." not in step.get("run", ""), name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_installs_by_itself_is_held_to_hashes(workflow: Path) -> None:
    for each in re.findall(r"pip install ([^&\n]*)", workflow.read_text("utf-8")):
        assert "--require-hashes" in each or "--no-deps --no-build-isolation ." in each


def test_the_hashes_of_the_command_line_are_those_of_all_that_it_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {*project["project"]["dependencies"], *project["build-system"]["requires"]}
    pins = (ROOT / "infra" / "requirements-cli.txt").read_text("utf-8")
    assert needed <= set(re.findall(r"^([\w-]+)==\S+ \\\n    --hash=sha256:", pins, re.MULTILINE))


def test_the_workflow_reads_outputs_that_exist() -> None:
    text = json.dumps(WORKFLOW)

    used = set(re.findall(r"\$(HOLDFAST_APP_NAME|HOLDFAST_API_URL|AZURE_RESOURCE_GROUP|HOLDFAST_VAULT_NAME)\b", text))
    assert used == {"HOLDFAST_APP_NAME", "HOLDFAST_API_URL", "AZURE_RESOURCE_GROUP"}
    assert used <= OUTPUTS


def test_the_environment_of_each_parameter_file_is_given() -> None:
    wanted = set()
    for name in ("dev", "prod"):
        text = (ROOT / "infra" / f"{name}.bicepparam").read_text("utf-8")
        wanted |= set(re.findall(r"readEnvironmentVariable\('(\w+)'", text))

    assert wanted <= WORKFLOW["jobs"]["deploy"]["env"].keys()
    assert wanted <= WORKFLOW["jobs"]["preview"]["env"].keys()


def test_the_last_step_asks_whether_the_timer_has_run_since_the_package_was_deployed(tmp_path: Path) -> None:
    """Both steps run, with an `az` that succeeds and a `curl` that only writes down what it is asked for."""
    steps = {step.get("name"): step.get("run", "") for name, step in STEPS if name == "deploy"}
    (tmp_path / "az").write_text("#!/bin/sh\n")
    (tmp_path / "curl").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n')
    for tool in ("az", "curl"):
        (tmp_path / tool).chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_ENV": f"{tmp_path}/env", "HOLDFAST_API_URL": "u"}
    subprocess.run(["sh", "-ec", steps["Deploy the package"]], env=given, check=True)
    name, _, deployed_at = (tmp_path / "env").read_text().strip().partition("=")
    subprocess.run(["sh", "-ec", steps["Ask whether it is well"]], env=given | {name: deployed_at}, check=True)

    assert datetime.fromisoformat(deployed_at).tzinfo
    asked = (tmp_path / "asked").read_text().split()
    assert asked[-1] == f"u/health?timer_since={deployed_at}"
    assert "--fail-with-body" in asked
