"""Knot as the demo runs it: a process of its own that says where it is, and ends when told."""

import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import dns.message
import dns.query
import pytest

from devhost.acts import records
from devhost.acts.records import DOMAIN, ZONES
from devhost.stage import Stage
from tests.devhost.processes import ROOT


@pytest.fixture
def started(tmp_path):
    def start(zones):
        (tmp_path / "zones.json").write_text(json.dumps(zones))
        command = [sys.executable, "-m", "devhost.nameserver", "--zones", str(tmp_path / "zones.json")]
        command += ["--ready-file", str(tmp_path / "ready.json")]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def test_it_says_where_it_answers_and_ends_when_told(started, tmp_path):
    ready = tmp_path / "ready.json"
    with started(ZONES) as process:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.02)
        about = json.loads(ready.read_text())
        reply = dns.query.tcp(dns.message.make_query(DOMAIN, "MX"), about["host"], port=about["port"], timeout=5)
        assert "inbound30.exchangedefender.com" in reply.answer[0].to_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_zone_that_makes_no_sense_stops_the_start_with_one_line(started):
    with started({"odd.example": "no zone"}) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.startswith("Knot did not start")


def test_where_there_is_no_knot_the_act_is_left_out_and_says_so(capsys):
    stage = Stage(cast("Any", SimpleNamespace(nameserver=None)), status=lambda _: None)
    records.prepare(stage)
    assert records.play(stage)
    assert "Debian package knot" in " ".join(capsys.readouterr().out.split())
