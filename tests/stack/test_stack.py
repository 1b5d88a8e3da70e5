"""The service as it runs: its own process under Microsoft's runtime, real queues and timers, HTTP from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from devhost.stack import Stack, running

KEY = "x-functions-key"
OFF = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}
NEVER = "0 0 0 1 1 *"
SINCE = "2026-11-01T00:00:00Z"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    never = ("HOLDFAST_SLOW_SCHEDULE", "HOLDFAST_PSA_SCHEDULE", "HOLDFAST_ALERTS_SCHEDULE", "HOLDFAST_AUDIT_SCHEDULE")
    schedules = {"HOLDFAST_FAST_SCHEDULE": "*/2 * * * * *", "HOLDFAST_DEV_PORT": "0"} | dict.fromkeys(never, NEVER)
    with running(schedules, lambda _text: None) as running_stack:
        yield running_stack


def tenant_of(stack: Stack, domain: str, **config: object) -> dict[str, str]:
    tenant: dict[str, str] = stack.simulator.post("tenants", json={"domains": [domain], "state": "healthy"}).json()
    known = {"initial_domain": tenant["initial_domain"], "mx_at_filter_since": SINCE}
    body = {"tenant_id": tenant["tenant_id"], "name": domain} | known | config
    assert stack.api.put(f"tenants/{tenant['tenant_id']}", json=body).status_code == 201
    return tenant


def eventually[T](look: Callable[[], T], good: Callable[[T], bool], patience_s: float = 60) -> T:
    deadline = time.monotonic() + patience_s
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.1)
    return seen


def state_of(stack: Stack, tenant: dict[str, str], control: str) -> dict[str, object]:
    controls = stack.api.get(f"tenants/{tenant['tenant_id']}/state").json()["controls"]
    found: dict[str, object] = next(c for c in controls if c["id"] == control)
    return found


def test_a_timer_sees_the_drift_and_the_queues_put_it_back(stack):
    tenant = tenant_of(stack, "timers.example")
    eventually(lambda: state_of(stack, tenant, "inbound-lockdown")["state"], lambda state: state == "compliant")
    stack.simulator.post("tenants/timers.example/admin", json=OFF)
    ledger = f"tenants/{tenant['tenant_id']}/ledger"
    events = eventually(
        lambda: [e["event"] for e in stack.api.get(ledger).json()], lambda events: "corrected" in events
    )
    in_time = [event for event in events if event != "not_looked"]  # which a machine that is busy adds
    assert in_time == ["corrected", "applying", "drift_found", "first_look", "configured"]
    assert state_of(stack, tenant, "inbound-lockdown")["state"] == "compliant"
    [newest] = stack.api.get(ledger, params={"limit": 1}).json()
    older = stack.api.get(ledger, params={"after": newest["id"]}).json()
    assert [entry["event"] for entry in older] == ["applying", "drift_found", "first_look", "configured"]


def test_a_reprovision_can_be_shown_first_then_done_and_followed_to_its_end(stack):
    tenant = tenant_of(stack, "ask.example", mode="observe")
    stack.simulator.post("tenants/ask.example/admin", json=OFF)

    def ask(**body: object) -> dict[str, object]:
        accepted = stack.api.post(f"tenants/{tenant['tenant_id']}/reprovision", json=body)
        assert accepted.status_code == 202
        assert accepted.headers["Retry-After"]
        where = accepted.headers["Location"].removeprefix("/api/")
        ended = eventually(lambda: stack.api.get(where).json(), lambda o: o["finished_at"] is not None)
        found: dict[str, object] = next(c for c in ended["controls"] if c["id"] == "inbound-lockdown")
        return {"operation": ended["state"], **found}

    def writes() -> list[str]:
        entries = stack.simulator.get("tenants/ask.example/log").json()["entries"]
        return [entry["cmdlet"] for entry in entries if entry["is_write"]]

    shown = ask(dry_run=True, controls=["inbound-lockdown"])
    assert (shown["operation"], shown["state"]) == ("succeeded", "drifted")
    assert writes() == []
    done = ask(controls=["inbound-lockdown"], reason="asked by the customer")
    assert (done["operation"], done["state"]) == ("succeeded", "compliant")
    assert done["steps"] == shown["steps"]
    assert writes() == ["Set-InboundConnector"]
    newest = stack.api.get(f"tenants/{tenant['tenant_id']}/ledger", params={"limit": 1}).json()[0]
    assert (newest["event"], newest["reason"]) == ("corrected", "asked by the customer")
    assert newest["actor"] == "key dev"


def end_of(stack: Stack, operation: str) -> dict[str, object]:
    ended: dict[str, object] = eventually(
        lambda: stack.api.get(f"operations/{operation}").json(), lambda found: found["finished_at"] is not None
    )
    return ended


def test_two_callers_at_once_on_one_tenant_write_once(stack):
    tenant = tenant_of(stack, "twice.example", mode="observe")
    stack.simulator.post("tenants/twice.example/admin", json=OFF)
    path, body = f"tenants/{tenant['tenant_id']}/reprovision", {"controls": ["inbound-lockdown"]}
    with ThreadPoolExecutor(4) as callers:
        keys: list[dict[str, str]] = [{"idempotency-key": "twice"}, {"idempotency-key": "twice"}, {}, {}]
        answers = list(callers.map(lambda headers: stack.api.post(path, json=body, headers=headers), keys))
    ids = [answer.json()["id"] for answer in answers]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    for each in ids:
        assert end_of(stack, each)["state"] == "succeeded"
    writes = [e for e in stack.simulator.get("tenants/twice.example/log").json()["entries"] if e["is_write"]]
    assert len(writes) == 1


def test_a_check_can_be_asked_for(stack):
    tenant = tenant_of(stack, "check.example")
    accepted = stack.api.post(f"tenants/{tenant['tenant_id']}/check")
    where = accepted.headers["Location"].removeprefix("/api/")
    ended = eventually(lambda: stack.api.get(where).json(), lambda o: o["finished_at"] is not None)
    assert ended["state"] == "succeeded"
    assert {c["state"] for c in ended["controls"]} <= {"compliant", "not_applicable"}


def test_the_brake_can_be_pulled_and_released(stack):
    assert stack.api.put("brake", json={"engaged": True, "reason": "incident"}).json()["engaged"] is True
    assert stack.api.get("brake").json()["reason"] == "incident"
    assert stack.api.put("brake", json={"engaged": False}).json()["engaged"] is False


def test_a_tenant_can_be_read_listed_and_taken_out(stack):
    tenant = tenant_of(stack, "gone.example")
    path = f"tenants/{tenant['tenant_id']}"
    assert stack.api.get(path).json()["name"] == "gone.example"
    assert tenant["tenant_id"] in [t["tenant_id"] for t in stack.api.get("tenants").json()]
    assert stack.api.delete(path).status_code == 204
    assert stack.api.get(path).status_code == 404


SOMEBODY = "00000000-0000-4000-8000-000000000000"
LONG = "x" * 300
CONFIG = {"tenant_id": SOMEBODY, "name": "n", "initial_domain": "n.onmicrosoft.com"}
TENANT = f"tenants/{SOMEBODY}"
FORM = {"content-type": "application/x-www-form-urlencoded"}
LATIN = {"content-type": "application/json; charset=latin-1"}
KEYED = {"content-type": "application/json", "idempotency-key": "x" * 256}
REFUSED: dict[str, tuple[str, str, object, dict[str, str] | None, int, str]] = {
    "no_such_tenant": ("GET", TENANT, None, None, 404, SOMEBODY),
    "no_guid": ("GET", "tenants/northwind", None, None, 404, "GUID"),
    "path_trick": ("GET", "tenants/..%2F..%2Foperations", None, None, 404, "no such path"),
    "no_such_operation": ("GET", f"operations/{SOMEBODY}", None, None, 404, SOMEBODY),
    "not_json": ("PUT", TENANT, b"{", None, 400, "not JSON"),
    "not_text": ("PUT", TENANT, b"\xff\xfe", None, 400, "not JSON"),
    "too_deep": ("PUT", TENANT, b"[" * 60_000, None, 400, "not JSON"),
    "too_large": ("PUT", TENANT, b" " * 70_000, None, 413, "65536"),
    "too_large_where_nothing_is_taken": ("POST", f"{TENANT}/check", b" " * 70_000, None, 413, "65536"),
    "a_form": ("PUT", TENANT, b"name=n", FORM, 415, "Content-Type"),
    "other_letters": ("PUT", TENANT, CONFIG, LATIN, 415, "Content-Type"),
    "a_list": ("PUT", TENANT, [], None, 422, "body"),
    "null": ("PUT", TENANT, b"null", None, 422, "body"),
    "missing_field": ("PUT", TENANT, {}, None, 422, "body.tenant_id"),
    "foreign_field": ("PUT", TENANT, CONFIG | {"admin": True}, None, 422, "body.admin"),
    "wrong_type": ("PUT", TENANT, CONFIG | {"enabled": "perhaps"}, None, 422, "body.enabled"),
    "over_long": ("PUT", TENANT, CONFIG | {"name": LONG}, None, 422, "body.name"),
    "no_guid_in_body": ("PUT", TENANT, CONFIG | {"tenant_id": "northwind"}, None, 422, "body.tenant_id: should be a GUID"),
    "other_id": ("PUT", TENANT, CONFIG | {"tenant_id": SOMEBODY.replace("8", "9")}, None, 422, "the one in the path"),
    "foreign_domain": ("PUT", TENANT, CONFIG | {"initial_domain": "n.example"}, None, 422, "body.initial_domain"),
    "unknown_control": ("PUT", TENANT, CONFIG | {"controls": {"oof": {"mode": "observe"}}}, None, 422, "no control 'oof'"),
    "unknown_mode": ("PUT", TENANT, CONFIG | {"mode": "auto"}, None, 422, "body.mode"),
    "unknown_profile": ("PUT", TENANT, CONFIG | {"profile": "x"}, None, 422, "body.profile"),
    "bad_override": ("PUT", TENANT, CONFIG | {"overrides": {"delivery_networks": []}}, None, 422, "body.overrides.delivery_networks"),
    "old_version": ("PUT", TENANT, CONFIG, {"if-match": '"0"'}, 412, "If-Match"),
    "reprovision_nobody": ("POST", f"{TENANT}/reprovision", {}, None, 404, SOMEBODY),
    "reprovision_unsure": ("POST", f"{TENANT}/reprovision", {"dry_run": "perhaps"}, None, 422, "body.dry_run"),
    "reprovision_unknown": ("POST", f"{TENANT}/reprovision", {"controls": "all"}, None, 422, "body.controls"),
    "over_long_reason": ("POST", f"{TENANT}/reprovision", {"reason": "x" * 1001}, None, 422, "body.reason"),
    "over_long_key": ("POST", f"{TENANT}/check", None, KEYED, 422, "Idempotency-Key"),
    "approve_nothing": ("POST", f"{TENANT}/controls/spf/approve", {"plan": ""}, None, 422, "body.plan"),
    "approve_nobody": ("POST", f"{TENANT}/controls/spf/approve", {"plan": "0"}, None, 404, SOMEBODY),
    "except_without_end": ("POST", f"{TENANT}/controls/spf/except", {"reason": "r", "owner": "o"}, None, 422, "body.until"),
    "brake_unsure": ("PUT", "brake", {"engaged": "perhaps"}, None, 422, "body.engaged"),
    "brake_without_a_word": ("PUT", "brake", None, None, 422, "body: Field required"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "named"), REFUSED.values(), ids=list(REFUSED))
def test_bad_input_gets_its_status_and_a_sentence_that_names_it(stack, method, path, body, headers, status, named):
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    brake = stack.api.get("brake").json()
    answer = stack.api.request(method, path, content=content, headers=headers or {"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    assert named in answer.json()["detail"]
    assert len(answer.content) < 1000
    assert stack.api.get("brake").json() == brake
    assert stack.api.get(TENANT).status_code == 404


def test_a_path_with_another_method_says_which_it_has(stack):
    answer = stack.api.post("brake", json={"engaged": True})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_page_has_its_limits(stack, limit):
    tenant = tenant_of(stack, f"page{limit}.example")
    assert stack.api.get(f"tenants/{tenant['tenant_id']}/ledger", params={"limit": limit}).status_code == 422


def test_without_a_key_only_health_answers(stack):
    with httpx.Client(base_url=f"{stack.url}/api/") as stranger:
        assert stranger.get("health").json() == {"status": "ok"}
        assert stranger.get("tenants").status_code == 401
        assert stranger.put("brake", json={"engaged": False}).status_code == 401
        refused = stranger.get("entra/tenants", headers={"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"


def test_a_person_signs_in_at_the_dev_hosts_own_port_and_sees_the_fleet(stack):
    """Through the platform's own way with cookies, and by Entra's simulated pages without a certificate of theirs."""
    with httpx.Client(base_url=stack.url, follow_redirects=True) as browser:
        chooser = browser.get("/")
        assert "simulated Entra ID" in chooser.text
        assert str(chooser.url).startswith(f"{stack.url}/entra/")
        page = browser.get(chooser.url.copy_merge_params({"login": "rea.reader@msp.example"}))
        assert page.url.path == "/api/console/"
        assert "rea.reader@msp.example" in page.text
        assert browser.get("/api/console/inbox").status_code == 200


def test_killed_in_the_middle_of_a_write_it_is_proven_by_the_next_worker(stack, azurite_connection, tmp_path):
    """kill -9 while Exchange is working on the write: another worker finds what came of it and ends the correction."""
    about = dict(os.environ) | settings_of(stack, azurite_connection)
    tenant = stack.simulator.post("tenants", json={"domains": ["crash.example"], "state": "healthy"}).json()
    stack.simulator.post("tenants/crash.example/admin", json=OFF)
    slow = {"kind": "slow", "cmdlet": "Set-InboundConnector", "seconds": 20}
    stack.simulator.post("tenants/crash.example/faults", json=slow)
    config = {"tenant_id": tenant["tenant_id"], "name": "crash", "initial_domain": tenant["initial_domain"]}
    config["mx_at_filter_since"] = SINCE
    first = Worker(about, tmp_path / "first")
    first.api.put(f"tenants/{tenant['tenant_id']}", json=config)
    path, body, key = (
        f"tenants/{tenant['tenant_id']}/reprovision",
        {"controls": ["inbound-lockdown"]},
        {"idempotency-key": "k"},
    )
    operation = first.api.post(path, json=body, headers=key).json()["id"]
    eventually(
        lambda: [e["cmdlet"] for e in stack.simulator.get("tenants/crash.example/log").json()["entries"]],
        lambda cmdlets: "Set-InboundConnector" in cmdlets,
    )
    under_way = first.api.get(f"operations/{operation}").json()
    assert (under_way["state"], under_way["controls"][0]["steps"][0]["cmdlet"]) == ("running", "Set-InboundConnector")
    first.kill()
    with BlobServiceClient.from_connection_string(azurite_connection) as blobs:  # as a minute passing
        BlobLeaseClient(blobs.get_blob_client("leases", tenant["tenant_id"])).break_lease(0)
    second = Worker(about, tmp_path / "second")
    try:
        entries = eventually(
            lambda: second.api.get(f"tenants/{tenant['tenant_id']}/ledger").json(),
            lambda entries: "corrected" in [entry["event"] for entry in entries],
        )
        assert [entry["event"] for entry in entries] == ["corrected", "applying", "drift_found", "configured"]
        assert entries[0]["of"] == entries[1]["id"]
        assert second.api.post(path, json=body, headers=key).json()["id"] == operation
        assert second.api.post(path, json={}, headers=key).status_code == 409
        ended = eventually(lambda: second.api.get(f"operations/{operation}").json(), lambda o: o["finished_at"])
        assert ended["state"] == "succeeded"
        writes = [e for e in stack.simulator.get("tenants/crash.example/log").json()["entries"] if e["is_write"]]
        assert len(writes) == 1
    finally:
        second.stop()


def test_the_brake_stops_every_worker_also_after_a_restart_and_a_tick_resumes(stack, azurite_connection, tmp_path):
    about = dict(os.environ) | settings_of(stack, azurite_connection)
    tenant = stack.simulator.post("tenants", json={"domains": ["brake.example"], "state": "healthy"}).json()
    stack.simulator.post("tenants/brake.example/admin", json=OFF)
    config = {"tenant_id": tenant["tenant_id"], "name": "brake", "initial_domain": tenant["initial_domain"]}
    path = f"tenants/{tenant['tenant_id']}"

    def asked(worker: Worker) -> str:
        operation = worker.api.post(f"{path}/reprovision", json={"controls": ["inbound-lockdown"]}).json()["id"]
        # A worker killed with the tenant's lease in hand keeps the next one waiting for up to a minute.
        ended = eventually(lambda: worker.api.get(f"operations/{operation}").json(), lambda o: o["finished_at"], 150)
        return f"{ended['state']} {ended['controls'][-1]['detail']}"

    first = Worker(about, tmp_path / "first")
    try:
        first.api.put(path, json=config | {"mx_at_filter_since": SINCE}).raise_for_status()
        second = Worker(about, tmp_path / "second")
        second.api.put("brake", json={"engaged": True, "reason": "incident 7"}).raise_for_status()
        assert asked(first).startswith("held brake: incident 7")
        second.kill()
    finally:
        first.kill()
    third = Worker(about | {"HOLDFAST_FAST_SCHEDULE": "*/2 * * * * *"}, tmp_path / "third")
    try:
        assert asked(third).startswith("held brake: incident 7")
        third.api.put("brake", json={"engaged": False}).raise_for_status()
        events = eventually(
            lambda: [e["event"] for e in third.api.get(f"{path}/ledger").json()], lambda events: "corrected" in events
        )
        assert "held" in events
        writes = [e for e in stack.simulator.get("tenants/brake.example/log").json()["entries"] if e["is_write"]]
        assert len(writes) == 1
    finally:
        third.stop()


def settings_of(stack: Stack, storage: str) -> dict[str, str]:
    schedules = {f"HOLDFAST_{what}_SCHEDULE": NEVER for what in ("FAST", "SLOW", "PSA", "ALERTS", "AUDIT")}
    return stack.settings | schedules | {"AzureWebJobsStorage": storage, "HOLDFAST_DEV_PORT": "0"}


class Worker:
    """One dev host process on a storage account that outlives it; its messages reappear after two seconds."""

    def __init__(self, environ: dict[str, str], ready: Path) -> None:
        command = [sys.executable, "-m", "devhost", "--ready-file", str(ready), "--lease", "2"]
        self._log = ready.with_suffix(".log").open("wb")
        self._process = subprocess.Popen(command, env=environ, stdout=self._log, stderr=subprocess.STDOUT)
        eventually(ready.exists, bool)
        about = json.loads(ready.read_text())
        self.api = httpx.Client(base_url=f"{about['url']}/api/", headers={KEY: about["key"]}, timeout=30)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """Stop it as the platform does; gives its exit code."""
        self._process.terminate()
        self._end()
        return self._process.returncode

    def _end(self) -> None:
        self._process.wait(30)
        self.api.close()
        self._log.close()
