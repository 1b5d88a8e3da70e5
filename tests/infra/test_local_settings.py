"""`local.settings.json.example`, for developers with Microsoft's Core Tools, starts the dev host as well."""

import json
from pathlib import Path

import httpx

from clients.settings import Settings
from tests.devhost.processes import ROOT, devhost, eventually

VALUES: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]


def test_its_settings_are_ours_and_the_one_that_core_tools_need() -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()}

    assert VALUES.keys() - known == {"FUNCTIONS_WORKER_RUNTIME"}
    assert VALUES["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"  # Azurite, on its usual ports


def test_the_app_starts_with_them(azurite_connection: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with devhost("--ready-file", str(ready), **VALUES | {"AzureWebJobsStorage": azurite_connection}) as process:
        eventually(lambda: ready.exists() or process.poll() is not None, "the dev host is ready")
        health = httpx.get(f"{json.loads(ready.read_text())['url']}/api/health")

    assert health.status_code == 200
