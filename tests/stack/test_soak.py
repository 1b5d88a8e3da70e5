"""`make soak`, short: schedules of seconds, a host killed while settings are broken. No time is judged, only outcomes."""

import json
import subprocess
import sys

import pytest

from benchmarks.children import ROOT

SHORT = {
    "--tenants": "20",
    "--minutes": "0.5",
    "--breaks": "60",
    "--kill-every": "12",
    "--down": "2",
    "--patience": "6",
    "--latency": "0.05",
    "--fast": "*/10 * * * * *",
    "--slow": "5/20 * * * * *",
}


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """What a short soak came to, by the names of its rows."""
    file = tmp_path_factory.mktemp("soak") / "soak.json"
    options = [part for option in SHORT.items() for part in option]
    command = [sys.executable, "-m", "benchmarks.soak", *options, "--file", str(file)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return {row["name"]: row for row in json.loads(file.read_text())["rows"]}


def test_nothing_is_lost_and_nothing_written_twice_though_a_host_is_killed_again_and_again(soaked):
    breaks, kills = (int(part.split()[0]) for part in soaked["tenants"]["note"].split(", ")[:2])
    assert breaks >= 10
    assert kills >= 1
    nothing = ("lost: never proven put back", "doubled writes", "proven without a write", "messages given up")
    assert {name: soaked[name]["value"] for name in nothing} == dict.fromkeys(nothing, 0)


def test_the_table_says_how_long_it_took_what_it_cost_and_what_ten_thousand_would(soaked):
    for lane in ("fast", "slow"):
        for what in ("seen", "proven"):
            assert soaked[f"{lane} lane: {what} after the tenant changed, p95"]["value"] > 0
    for process in ("product", "simulator", "Azurite"):
        assert soaked[f"CPU of {process}"]["value"] > 0
    assert soaked["the product's own share for 10,000"]["value"] > 0
    assert soaked["memory of the host that lives on"]["note"].startswith("over time ")
