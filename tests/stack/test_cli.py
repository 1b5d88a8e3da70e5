"""`holdfast` against the running service: what it prints, and the exit codes that scripts rely on."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from devhost.stack import Stack, running
from tests.domain.test_partner import relationship
from tests.stack.test_stack import eventually, state_of

NEVER = "0 0 0 1 1 *"
STYLE = re.compile(r"\x1b\[[\d;]*m")
PARTNER = "7d1e2f30-9999-4222-8333-94a5b6c7d8e9"
OFF = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    quiet = {f"HOLDFAST_{lane}_SCHEDULE": NEVER for lane in ("FAST", "SLOW", "PSA", "ALERTS", "AUDIT")}
    own = {"HOLDFAST_DEV_PORT": "0", "HOLDFAST_PARTNER_TENANT_ID": PARTNER}
    with running(quiet | own, lambda _text: None) as running_stack:
        yield running_stack


@pytest.fixture(scope="module")
def tenant(stack) -> dict[str, str]:
    """A tenant with one setting switched off, looked after in mode observe."""
    made: dict[str, str] = stack.simulator.post("tenants", json={"domains": ["cli.example"], "state": "healthy"}).json()
    stack.simulator.post("tenants/cli.example/admin", json=OFF)
    about = {"tenant_id": made["tenant_id"], "initial_domain": made["initial_domain"], "mode": "observe"}
    about |= {"mx_at_filter_since": "2026-01-01T00:00:00Z"}
    stack.api.put(f"tenants/{made['tenant_id']}", json=about | {"name": "Contoso"}).raise_for_status()
    return made


def about(stack, **changes):
    return os.environ | {"HOLDFAST_API_URL": stack.url, "HOLDFAST_API_KEY": stack.key, "COLUMNS": "200"} | changes


def holdfast(stack, *words, **changes):
    command = [sys.executable, "-m", "cli", *words]
    return subprocess.run(command, env=about(stack, **changes), capture_output=True, text=True, check=False)


def writes(stack):
    entries = stack.simulator.get("tenants/cli.example/log").json()["entries"]
    return [entry["cmdlet"] for entry in entries if entry["is_write"]]


def test_a_plan_is_shown_as_powershell_and_then_done(stack, tenant):
    before = writes(stack)
    plan = holdfast(stack, "plan", "contoso", "--control", "inbound-lockdown")
    assert plan.returncode == 1
    assert "Set-InboundConnector -Identity 'ExchangeDefender' -Enabled $true" in plan.stdout
    assert writes(stack) == before
    done = holdfast(
        stack, "--json", "reprovision", tenant["tenant_id"], "--control", "inbound-lockdown", "--reason", "r"
    )
    assert done.returncode == 0, done.stderr
    [operation] = json.loads(done.stdout)
    assert (operation["state"], operation["reason"]) == ("succeeded", "r")
    assert writes(stack) == [*before, "Set-InboundConnector"]


def test_tenants_are_imported_from_a_spreadsheet_and_what_is_refused_is_told(stack, tenant, tmp_path):
    file = tmp_path / "tenants.csv"
    new = "11111111-2222-4333-8444-555555555555"
    file.write_text(
        "tenant_id,name,initial_domain,mode,enabled\n"
        f"{tenant['tenant_id']},Other,other.onmicrosoft.com,,\n"
        f"{new},New,new.onmicrosoft.com,observe,false\n"
        "not-a-guid,Bad,bad.onmicrosoft.com,,\n"
        "22222222-2222-4333-8444-555555555555,Bad,bad.example,,\n",
        "utf-8-sig",
    )
    answer = holdfast(stack, "--json", "tenants", "import", str(file))
    assert answer.returncode == 1
    results = json.loads(answer.stdout)
    assert [each["result"] for each in results] == ["kept", "added", "refused", "refused"]
    assert "body.initial_domain" in results[3]["detail"]
    assert stack.api.get(f"tenants/{new}").json()["enabled"] is False
    assert stack.api.get(f"tenants/{tenant['tenant_id']}").json()["name"] == "Contoso"
    stack.api.delete(f"tenants/{new}")


def test_the_state_of_the_fleet_and_the_readiness_of_a_tenant(stack, tenant):
    assert holdfast(stack, "check", "Contoso", "--wait", "60").returncode in {0, 1}
    state = holdfast(stack, "--json", "state")
    assert {c["id"]: c["state"] for c in json.loads(state.stdout)[0]["controls"]}["oof-rule"] == "compliant"
    ready = holdfast(stack, "readiness", tenant["initial_domain"])
    assert ready.returncode == 0, ready.stdout
    assert "adminconsent?client_id=" in ready.stdout


def test_the_brake(stack):
    assert "engaged incident 7" in holdfast(stack, "brake", "engage", "--reason", "incident 7").stdout
    assert stack.api.get("brake").json()["engaged"] is True
    assert holdfast(stack, "--json", "brake", "release").returncode == 0
    assert json.loads(holdfast(stack, "--json", "brake").stdout)["engaged"] is False


def test_the_ledger_goes_on_with_what_happens_next(stack, tenant):
    command = [sys.executable, "-m", "cli", "ledger", "Contoso", "--follow", "--limit", "1"]
    with subprocess.Popen(command, env=about(stack), stdout=subprocess.PIPE, text=True) as following:
        try:
            assert following.stdout
            assert following.stdout.readline()
            path = f"tenants/{tenant['tenant_id']}"
            stack.api.put(path, json=stack.api.get(path).json() | {"name": "Contoso Ltd"}).raise_for_status()
            line = following.stdout.readline()
            assert "configured" in line
            assert "changed: name by key dev" in line
        finally:
            following.terminate()
    stack.api.put(path, json=stack.api.get(path).json() | {"name": "Contoso"}).raise_for_status()


BAD = {
    "nobody": (("state", "nobody"), {}, 2, "no tenant has that id"),
    "no_file": (("tenants", "import", "none.csv"), {}, 2, "cannot be read"),
    "no_word": (("brake", "perhaps"), {}, 2, "engage or release"),
    "no_key": (("brake",), {"HOLDFAST_API_KEY": ""}, 2, "HOLDFAST_API_KEY"),
    "wrong_key": (("brake",), {"HOLDFAST_API_KEY": "x"}, 3, "401"),
    "bad_token": (("brake",), {"HOLDFAST_API_KEY": "", "HOLDFAST_API_TOKEN": "x"}, 3, "401"),
    "nobody_there": (("brake",), {"HOLDFAST_API_URL": "http://127.0.0.1:9"}, 4, "does not answer"),
}


@pytest.mark.parametrize(("words", "changes", "code", "said"), BAD.values(), ids=list(BAD))
def test_what_goes_wrong_is_one_line_and_an_exit_code(stack, words, changes, code, said):
    answer = holdfast(stack, *words, **changes)
    assert (answer.returncode, said in answer.stderr.replace("\n", " ")) == (code, True), answer.stderr
    assert "Traceback" not in answer.stderr


def looked_after(stack, domain, name, *deeds):
    """A tenant in mode approve, to which an admin did *deeds* before it was first looked at."""
    made = stack.simulator.post("tenants", json={"domains": [domain], "state": "healthy"}).json()
    for deed in deeds:
        assert stack.simulator.post(f"tenants/{domain}/admin", json=deed).status_code == 200
    about = {"tenant_id": made["tenant_id"], "initial_domain": made["initial_domain"], "mode": "approve", "name": name}
    about |= {"mx_at_filter_since": "2026-01-01T00:00:00Z"}
    stack.api.put(f"tenants/{made['tenant_id']}", json=about).raise_for_status()
    holdfast(stack, "check", name, "--wait", "60")
    return made


@pytest.fixture(scope="module")
def waiting(stack) -> dict[str, str]:
    """A tenant whose lock an admin has switched off, and whose plan waits for an approval."""
    made: dict[str, str] = looked_after(stack, "waiting.example", "Waiting Room")
    assert stack.simulator.post("tenants/waiting.example/admin", json=OFF).status_code == 200
    holdfast(stack, "check", "Waiting Room", "--wait", "60")
    eventually(lambda: state_of(stack, made, "inbound-lockdown")["state"], lambda state: state == "awaiting_approval")
    return made


def strange(name):
    """A connector of an admin's own for a sender that is known by its domain alone, which the lock refuses."""
    about = {"ConnectorType": "Partner", "SenderDomains": [f"{name.lower()}.example"], "RequireTls": True}
    return {"cmdlet": "New-InboundConnector", "parameters": about | {"Name": name}}


LISTS = {
    "fleet": (("fleet", "waiting"), 0, lambda found: found["items"][0]["name"] == "Waiting Room"),
    "inbox": (("inbox", "--kind", "approval"), 1, lambda found: found[0]["control"] == "inbound-lockdown"),
    "states": (("states", "--state", "awaiting_approval"), 0, lambda found: found[0]["name"] == "Waiting Room"),
    "objectives": (("objectives",), 0, lambda found: "fast-seen" in {each["id"] for each in found}),
    "operations": (("operations", "--limit", "1"), 0, lambda found: len(found) == 1),
    "alerts": (("alerts", "--all"), 0, lambda found: found == []),
    "parked": (("parked",), 0, lambda found: found == []),
    "waves": (("waves", "list"), 0, lambda found: found == []),
}


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(("words", "code", "shows"), LISTS.values(), ids=list(LISTS))
def test_what_a_list_has_is_there_for_programs_and_for_people(stack, words, code, shows):
    answer = holdfast(stack, "--json", *words)
    assert (answer.returncode, shows(json.loads(answer.stdout))) == (code, True), answer.stderr
    people = holdfast(stack, *words)
    assert people.returncode == code
    assert words[0] in people.stdout


def test_a_plan_is_approved_undone_and_its_drift_accepted(stack, waiting):
    answer = holdfast(stack, "approve", "Waiting Room", "inbound-lockdown")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    entries = stack.api.get(f"tenants/{waiting['tenant_id']}/ledger").json()
    wrote = next(each for each in entries if each["event"] == "corrected")
    words = ("undo", "Waiting Room", "inbound-lockdown", wrote["id"], "--reason", "a scanner")
    undone = holdfast(stack, *words)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert excepted(stack, waiting) == ["inbound-lockdown"]
    assert holdfast(stack, "except", "Waiting Room", "inbound-lockdown", "--end").returncode == 0
    assert excepted(stack, waiting) == []
    answers = ("--reason", "a scanner", "--owner", "ann", "--until", in_days(30))
    assert holdfast(stack, "except", "Waiting Room", "spf", *answers).returncode == 0
    assert excepted(stack, waiting) == ["spf"]


def excepted(stack, tenant):
    controls = stack.api.get(f"tenants/{tenant['tenant_id']}/state").json()["controls"]
    return [each["id"] for each in controls if each["exception"]]


def in_days(days):
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def test_a_finding_is_declared_another_is_removed_and_the_lock_is_opened(stack):
    looked_after(stack, "found.example", "Found Objects", strange("Copier"), strange("Printer"))
    [vouched, unknown] = (found(stack, name)["id"] for name in ("Copier", "Printer"))
    answers = ("--reason", "a scanner", "--owner", "ann", "--until", in_days(30))
    assert holdfast(stack, "declare", "Found Objects", vouched, *answers).returncode == 0
    assert found(stack, "Copier")["state"] == "declared"
    removed = holdfast(stack, "remove", "Found Objects", unknown, "--yes", "--reason", "nobody knows it")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    opened = holdfast(stack, "open", "Found Objects", "--reason", "mail stopped", "--until", in_days(1))
    assert opened.returncode == 0, opened.stdout + opened.stderr
    assert "-RestrictDomainsToIPAddresses $false" in opened.stdout


def found(stack, name):
    """The finding about the connector *name*."""
    [listed] = json.loads(holdfast(stack, "--json", "findings", "Found Objects").stdout)
    return next(each for each in listed if each["name"] == name)


def test_what_the_blast_radius_holds_goes_on(stack):
    signature = "inbound-lockdown:Set-InboundConnector"
    assert "goes on" in holdfast(stack, "radius", signature, "--reason", "looked at").stdout
    assert holdfast(stack, "radius", "nothing:Set-Nothing", "--reason", "r").returncode != 0


@pytest.fixture
def customer(stack) -> dict[str, str]:
    """A customer of the partner's, by GDAP, whose administrator has not consented yet."""
    stack.simulator.post("tenants", json={"domains": ["msp.example"], "tenant_id": PARTNER}).raise_for_status()
    reads = {"permissions": ["DelegatedAdminRelationship.Read.All", "CrossTenantInformation.ReadBasic.All"]}
    stack.simulator.patch("tenants/msp.example", json={"access": reads}).raise_for_status()
    made: dict[str, str] = stack.simulator.post("tenants", json={"domains": ["fabrikam.example"]}).json()
    stack.simulator.patch("tenants/fabrikam.example", json={"access": {"consented": False}}).raise_for_status()
    gdap = relationship(customer={"tenantId": made["tenant_id"], "displayName": "Fabrikam"})
    stack.simulator.put("tenants/msp.example/relationships", json=[gdap]).raise_for_status()
    return made


def test_a_customer_of_the_partner_is_listed_added_and_followed_until_it_is_ready(stack, customer, tmp_path):
    assert "can be onboarded" in holdfast(stack, "onboard").stdout
    command = [sys.executable, "-m", "cli", "onboard", "fabrikam", "--every", "0.2", "--wait", "60"]
    environ = about(stack, FORCE_COLOR="1")  # as at a terminal: with a bar
    screen = tmp_path / "screen"
    with (
        screen.open("wb") as stderr,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True) as onboarding,
    ):
        shown = eventually(lambda: STYLE.sub("", screen.read_text()), lambda text: "Fabrikam: token-exchange" in text)
        assert f"/{customer['tenant_id']}/adminconsent?client_id=" in shown
        config = stack.api.get(f"tenants/{customer['tenant_id']}").json()
        assert (config["initial_domain"], config["mode"]) == (customer["initial_domain"], "observe")
        stack.simulator.patch("tenants/fabrikam.example", json={"access": {"consented": True}}).raise_for_status()
        said, _ = onboarding.communicate(timeout=60)
    assert (onboarding.returncode, "Fabrikam: ready" in said) == (0, True)
    assert "looked after" in holdfast(stack, "onboard").stdout
