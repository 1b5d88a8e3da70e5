"""The console in a real Chromium, on the whole stack: pages, roles and actions; accessible, and without a violation."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from devhost.stack import Stack, running

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "build" / "console"
NEVER = "0 0 0 1 1 *"
WIDTHS = {"phone": 360, "laptop": 1280, "wall": 2560}
HOSTILE = '<img src=x onerror="alert(1)">'
PAGES = ["fleet", "inbox", "ledger", "alerts?every=true", "operations", "waves", "evidence", "health"]
OFF = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}
OOF_OFF = {
    "cmdlet": "Set-OutboundConnector",
    "parameters": {"Identity": "Automatic Replies (Out of Office) Only", "Enabled": False},
}
MOST_TENANTS = 10
"""In a small fleet: docs/operations.md, HOLDFAST_MAX_PERCENT_PER_HOUR."""
STRANGE = {
    "cmdlet": "New-InboundConnector",
    "parameters": {
        "Name": HOSTILE,
        "ConnectorType": "Partner",
        "SenderDomains": ["*"],
        "SenderIPAddresses": ["192.0.2.0/24"],
        "RestrictDomainsToIPAddresses": True,
    },
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    never = dict.fromkeys(
        ("HOLDFAST_SLOW_SCHEDULE", "HOLDFAST_PSA_SCHEDULE", "HOLDFAST_AUDIT_SCHEDULE"),
        NEVER,
    )
    often = {"HOLDFAST_FAST_SCHEDULE": "*/2 * * * * *", "HOLDFAST_ALERTS_SCHEDULE": "*/6 * * * * *"}
    schedules = {"HOLDFAST_DEV_PORT": "0"} | often | never
    with running(schedules, lambda _text: None) as running_stack:
        yield running_stack


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> str:
    """One whose lock waits for an approval, and that has a connector with a hostile name."""
    made = stack.simulator.post("tenants", json={"domains": ["console.example"], "state": "healthy"}).json()
    config = {
        "tenant_id": made["tenant_id"],
        "name": f"Console {HOSTILE}",
        "initial_domain": made["initial_domain"],
        "mode": "approve",
        "mx_at_filter_since": "2026-01-01T00:00:00Z",
    }
    assert stack.api.put(f"tenants/{made['tenant_id']}", json=config).status_code == 201
    until(lambda: stack.api.get(f"fleet?q={made['tenant_id']}").json()["items"][0]["looked_at"])
    for deed in (OFF, STRANGE):
        assert stack.simulator.post("tenants/console.example/admin", json=deed).status_code == 200
    until(lambda: stack.api.get(f"inbox?kind=approval&q={made['tenant_id']}").json())
    tenant_id: str = made["tenant_id"]
    return tenant_id


def until(done, patience_s=120.0):
    deadline = time.monotonic() + patience_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: `make chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """A person at a screen, and what their browser complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.complaints = page, url, list[str]()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}/api/console/{path}")

    def violations(self) -> list[str]:
        """What axe-core finds wrong; it is run beside the page's own policy, which stays as it is."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run()")["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]


@pytest.fixture
def sign_in(stack, chromium):
    contexts = []

    def signed_in(login: str, **options) -> Reader:
        context = chromium.new_context(viewport={"width": options.pop("width", 1280), "height": 900}, **options)
        contexts.append(context)
        reader = Reader(context.new_page(), stack.url)
        reader.page.goto(stack.url)
        reader.page.get_by_role("link", name=f"{login}@msp.example").click()
        reader.page.wait_for_url("**/api/console/")
        reader.complaints.clear()  # of what was before: the simulator's pages have no icon
        return reader

    yield signed_in
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_the_browser_has_nothing_to_complain_of(sign_in, tenant, scheme):
    reader = sign_in("ada.admin", color_scheme=scheme)
    own = [
        f"tenants/{tenant}{each}"
        for each in ("", "/config", "/readiness", "/evidence", "/do/open", "/do/approve?control=inbound-lockdown")
    ]
    for path in [*PAGES, *own]:
        reader.go(path)
        assert (path, reader.violations()) == (path, [])
    assert reader.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_runs_out_of_the_screen_at_any_width(sign_in, tenant, width):
    reader = sign_in("rea.reader", width=WIDTHS[width])
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in [*PAGES, f"tenants/{tenant}"]:
        reader.go(path)
        assert reader.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        name = "tenant" if path.startswith("tenants") else re.sub(r"\W.*", "", path)
        reader.page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=width != "wall")


@pytest.mark.usefixtures("tenant")
def test_pages_read_without_javascript(sign_in):
    reader = sign_in("rea.reader", java_script_enabled=False)
    reader.go("fleet")
    assert reader.page.get_by_role("link", name="Console <img").count() == 1
    assert " UTC" in reader.page.locator("time").first.inner_text()


def test_times_are_in_the_readers_zone_with_utc_beside(sign_in, tenant):
    reader = sign_in("rea.reader", timezone_id="Asia/Tokyo", locale="en-GB")
    reader.go(f"tenants/{tenant}")
    time_ = reader.page.locator("time").first
    assert "UTC" not in time_.inner_text()
    assert time_.get_attribute("title").endswith("UTC")


@pytest.mark.parametrize(("login", "sees"), [("rea.reader", False), ("oli.operator", False), ("apu.approver", True)])
def test_a_person_sees_the_actions_of_their_role(sign_in, tenant, login, sees):
    reader = sign_in(login)
    reader.go(f"tenants/{tenant}")
    assert (reader.page.get_by_role("link", name="Approve").count() > 0) is sees


def test_who_has_no_role_sees_no_page(stack, chromium):
    page = chromium.new_page()
    page.goto(stack.url)
    page.get_by_role("link", name="nil.nobody@msp.example").click()
    assert "none of the roles" in page.get_by_role("alert").inner_text()
    page.close()


def test_a_page_follows_what_happens_and_the_keyboard_is_enough_to_approve(stack, sign_in, tenant):
    reader = sign_in("apu.approver")
    reader.go(f"inbox?kind=approval&q={tenant}")
    reader.page.get_by_role("link", name="Approve").first.focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/do/approve**")
    assert "Set-InboundConnector" in reader.page.locator("pre").first.inner_text()
    reader.page.get_by_role("button", name="Approve").focus()
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/operations/**")
    reader.page.get_by_role("status").get_by_text("succeeded").wait_for(timeout=60_000)
    until(lambda: not stack.api.get(f"inbox?kind=approval&q={tenant}").json())
    entries = stack.api.get(f"tenants/{tenant}/ledger").json()
    [approved] = [each for each in entries if each["event"] == "approved"]
    assert approved["actor"].startswith("apu.approver@msp.example")
    assert reader.complaints == []


def looked_after(stack, domain: str, *deeds) -> str:
    """A tenant of its own in mode approve, to which an admin did *deeds* before it was first looked at."""
    tenant_id = taken_up(stack, domain, *deeds, mode="approve")
    until(lambda: stack.api.get(f"fleet?q={tenant_id}").json()["items"][0]["looked_at"])
    return tenant_id


def taken_up(stack, domain: str, *deeds, mode: str) -> str:
    made = stack.simulator.post("tenants", json={"domains": [domain], "state": "healthy"}).json()
    tenant_id: str = made["tenant_id"]
    for deed in deeds:
        assert stack.simulator.post(f"tenants/{domain}/admin", json=deed).status_code == 200
    about = {"tenant_id": tenant_id, "initial_domain": made["initial_domain"], "name": domain, "mode": mode}
    stack.api.put(f"tenants/{tenant_id}", json=about | {"mx_at_filter_since": "2026-01-01T00:00:00Z"})
    return tenant_id


def unlocked(stack, domain: str) -> str:
    """One whose lock an admin then switched off, and whose plan waits for an approval."""
    tenant_id = looked_after(stack, domain)
    assert stack.simulator.post(f"tenants/{domain}/admin", json=OFF).status_code == 200
    until(lambda: lock_of(stack, tenant_id)["state"] == "awaiting_approval")
    return tenant_id


def lock_of(stack, tenant_id):
    controls = stack.api.get(f"tenants/{tenant_id}/state").json()["controls"]
    return next(each for each in controls if each["id"] == "inbound-lockdown")


def succeeds(page):
    """Follow the page of an operation to its end."""
    page.wait_for_url("**/operations/**")
    page.get_by_role("status").get_by_text("succeeded").wait_for(timeout=60_000)


def test_the_plan_of_a_reprovision_is_seen_before_it_is_taken_and_what_it_wrote_is_undone(stack, sign_in):
    tenant_id = unlocked(stack, "reprovisioned.example")
    reader = sign_in("ada.admin")
    page = reader.page
    reader.go(f"tenants/{tenant_id}/do/reprovision?control=inbound-lockdown")
    page.get_by_role("button", name="Show the steps").click()
    succeeds(page)
    assert "Set-InboundConnector" in page.locator("pre").first.inner_text()
    assert lock_of(stack, tenant_id)["state"] == "awaiting_approval"
    page.get_by_role("button", name="Take these steps").click()
    page.get_by_text("only shown").wait_for(state="detached")
    succeeds(page)
    until(lambda: lock_of(stack, tenant_id)["state"] == "compliant")
    reader.go(f"tenants/{tenant_id}")
    page.get_by_role("link", name="Undo").first.click()
    page.get_by_label("Reason").fill("a scanner")
    page.get_by_role("button", name="Undo").click()
    succeeds(page)
    until(lambda: lock_of(stack, tenant_id)["exception"])
    assert reader.complaints == []


def test_drift_is_accepted_by_a_reason_an_owner_and_an_end_and_accepted_no_longer(stack, sign_in):
    tenant_id = unlocked(stack, "accepted.example")
    reader = sign_in("apu.approver")
    page = reader.page
    reader.go(f"tenants/{tenant_id}/do/except?control=inbound-lockdown")
    page.get_by_label("Reason").fill("migration")
    page.get_by_label("Who answers for it").fill("ann")
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(f"**/tenants/{tenant_id}#*")
    assert lock_of(stack, tenant_id)["exception"]["owner"] == "ann"
    page.get_by_role("link", name="Accept no longer").click()
    page.get_by_role("button", name="Accept no longer").click()
    page.wait_for_url(f"**/tenants/{tenant_id}#*")
    assert lock_of(stack, tenant_id)["exception"] is None
    assert reader.complaints == []


def test_one_finding_is_declared_and_another_removed(stack, sign_in):
    about = {"ConnectorType": "Partner", "RequireTls": True}
    others = [
        {"cmdlet": "New-InboundConnector", "parameters": about | {"Name": name, "SenderDomains": [f"{name}.example"]}}
        for name in ("Copier", "Printer")
    ]
    tenant_id = looked_after(stack, "found.example", *others)
    reader = sign_in("apu.approver")
    page = reader.page
    reader.go(f"tenants/{tenant_id}")
    page.get_by_role("row").filter(has_text="Copier").get_by_role("link", name="Declare").click()
    page.get_by_label("Reason").fill("third floor")
    page.get_by_label("Who answers for it").fill("ann")
    page.get_by_role("button", name="Declare").click()
    page.wait_for_url(f"**/tenants/{tenant_id}#*")
    page.get_by_role("row").filter(has_text="Printer").get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Show the steps").click()
    page.get_by_role("button", name="Take these steps").click()
    page.get_by_text("only shown").wait_for(state="detached")
    until(lambda: findings_of(stack, tenant_id).get("Printer") != "open")
    assert findings_of(stack, tenant_id)["Copier"] == "declared"
    assert reader.complaints == []


def findings_of(stack, tenant_id):
    return {each["name"]: each["state"] for each in stack.api.get(f"tenants/{tenant_id}/findings").json()}


def test_a_tenant_is_looked_at_now_and_its_lock_is_opened(stack, sign_in):
    tenant = looked_after(stack, "opened.example")
    reader = sign_in("oli.operator")
    page = reader.page
    reader.go(f"tenants/{tenant}")
    page.get_by_role("link", name="Check now").click()
    page.get_by_role("button", name="Check now").click()
    succeeds(page)
    reader.go(f"tenants/{tenant}/do/open")
    page.get_by_label("Reason").fill("mail stopped")
    page.get_by_label("Until").fill(f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}")
    page.get_by_role("button", name="Show the steps").click()
    succeeds(page)
    assert "RestrictDomainsToIPAddresses" in page.locator("pre").first.inner_text()
    assert lock_of(stack, tenant)["exception"] is None
    page.get_by_role("button", name="Take these steps").click()
    page.get_by_text("only shown").wait_for(state="detached")
    succeeds(page)
    assert lock_of(stack, tenant)["exception"]["reason"] == "held open: mail stopped"
    assert reader.complaints == []


def test_an_alert_about_mail_that_got_round_is_read_with_its_evidence(stack, sign_in):
    tenant_id = looked_after(stack, "alerted.example")
    mails = [{"sender_ip": "198.51.100.24", "minutes_ago": 0.02, "p2Sender": {"emailAddress": HOSTILE}}]
    assert stack.simulator.post("tenants/alerted.example/alerts", json={"mails": mails}).status_code == 201
    until(lambda: stack.api.get(f"inbox?q={tenant_id}").json())
    reader = sign_in("rea.reader")
    page = reader.page
    reader.go("alerts")
    page.get_by_role("link", name="Phish delivered").click()
    page.get_by_text("Mail got round the filter").wait_for()
    assert [page.get_by_role("cell", name=each).count() for each in ("198.51.100.24", HOSTILE)] == [1, 1]
    assert reader.violations() == []
    assert reader.complaints == []


def test_a_config_is_edited_in_fields_with_the_error_at_its_field_and_the_difference_first(stack, sign_in):
    tenant_id = looked_after(stack, "edited.example")
    reader = sign_in("ada.admin")
    page = reader.page
    reader.go(f"tenants/{tenant_id}/config")
    page.get_by_label("Labels").fill("gold, two words")
    page.get_by_role("button", name="See what would change").click()
    wrong = page.get_by_label("Labels")
    assert (wrong.get_attribute("aria-invalid"), wrong.input_value()) == ("true", "gold, two words")
    assert "'two words'" in page.locator(f"[id='{wrong.get_attribute('aria-describedby')}']").inner_text()
    assert reader.violations() == []
    wrong.fill("gold")
    page.get_by_label("spf").select_option("observe")
    page.get_by_text("Add a window").click()
    window = page.get_by_role("group", name="Another window")
    for label, at in (("From", "2026-12-24T00:00"), ("Until", "2026-12-27T00:00")):
        window.get_by_label(label).fill(at)
    page.get_by_role("button", name="See what would change").click()
    assert page.get_by_role("row", name="controls.spf.mode").get_by_role("cell").last.inner_text() == "observe"
    assert stack.api.get(f"tenants/{tenant_id}").json()["labels"] == []
    assert reader.violations() == []
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/tenants/{tenant_id}")
    config = stack.api.get(f"tenants/{tenant_id}").json()
    assert (config["labels"], config["freeze"][0]["end"]) == (["gold"], "2026-12-27T00:00:00Z")
    assert [each for each in reader.complaints if "422" not in each] == []


def test_a_proposed_config_is_seen_from_the_inbox_and_approved_by_another_person(stack, sign_in):
    wider = {"delivery_networks": ["65.99.255.0/24", "192.0.2.0/24"]}
    tenant_id = looked_after(stack, "wider.example")
    ada, bea = sign_in("ada.admin"), sign_in("bea.admin")
    ada.go(f"tenants/{tenant_id}/config")
    ada.page.get_by_label("Overrides of the profile").fill(json.dumps(wider))
    ada.page.get_by_role("button", name="See what would change").click()
    ada.page.get_by_role("button", name="Propose").click()
    ada.page.get_by_role("link", name="See it").click()
    ada.page.get_by_role("button", name="Approve it").click()
    assert "another person" in ada.page.get_by_role("alert").inner_text()
    bea.go(f"tenants/{tenant_id}")
    bea.page.get_by_role("link", name="see it").click()
    assert "192.0.2.0/24" in bea.page.get_by_role("row", name="overrides").get_by_role("cell").last.inner_text()
    assert bea.violations() == []
    bea.page.get_by_role("button", name="Approve it").click()
    bea.page.wait_for_url(f"**/tenants/{tenant_id}")
    assert stack.api.get(f"tenants/{tenant_id}").json()["overrides"] == wider
    assert bea.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_proposed_config_of_a_tenant_that_is_not_looked_after_yet_has_a_page(stack, sign_in, width):
    made = stack.simulator.post("tenants", json={"domains": [f"{width}.example"], "state": "healthy"}).json()
    about = {"tenant_id": made["tenant_id"], "initial_domain": made["initial_domain"], "name": HOSTILE}
    wider = {"overrides": {"delivery_networks": ["65.99.255.0/24", "192.0.2.0/24"]}}
    assert stack.api.put(f"tenants/{made['tenant_id']}", json=about | wider).status_code == 202
    reader = sign_in("ada.admin", width=WIDTHS[width])
    reader.go("inbox?kind=config")
    reader.page.locator(f"a[href*='{made['tenant_id']}']").last.click()
    assert "not looked after yet" in reader.page.get_by_role("main").inner_text()
    assert reader.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert reader.violations() == []
    reader.page.screenshot(path=PICTURES / f"config-proposed-{width}.png", full_page=True)
    assert reader.complaints == []


def test_what_waits_is_chosen_at_once_answered_once_and_undone(stack, sign_in):
    tenants = [unlocked(stack, f"many{number}.example") for number in range(2)]
    until(lambda: len(stack.api.get("inbox?kind=approval&q=many").json()) == 2)
    reader = sign_in("apu.approver")
    page = reader.page

    def asked_about_both():
        reader.go("inbox?kind=approval&q=many")
        page.get_by_label("Choose all of this list").check()
        page.get_by_role("button", name="Approve").click()
        return page.get_by_role("main").get_by_role("listitem").count() == 2

    until(asked_about_both)
    page.get_by_role("button", name="Approve 2").click()
    assert "2 answered" in page.get_by_role("status").inner_text()
    until(lambda: {lock_of(stack, each)["state"] for each in tenants} == {"compliant"})
    page.get_by_role("link", name="Follow or undo it").first.click()
    succeeds(page)
    page.get_by_role("link", name="Undo what was done").click()
    assert "Set-InboundConnector" in page.locator("pre").first.inner_text()
    page.get_by_role("button", name="Undo").click()
    succeeds(page)
    until(lambda: any(lock_of(stack, each)["exception"] for each in tenants))
    assert reader.complaints == []


def test_the_brake_is_engaged_by_an_operator_and_released_by_an_admin_alone(stack, sign_in):
    try:
        operator = sign_in("oli.operator")
        operator.go("health")
        operator.page.get_by_role("region", name="Brake").get_by_label("Reason").fill("incident 7")
        operator.page.get_by_role("button", name="Engage the brake").click()
        operator.page.get_by_text("Engaged: nothing is written anywhere.").wait_for()
        assert "incident 7" in operator.page.get_by_role("region", name="Brake").inner_text()
        assert operator.page.get_by_role("button", name="Release the brake").count() == 0
        admin = sign_in("ada.admin")
        admin.go("health")
        admin.page.get_by_role("region", name="Brake").get_by_label("Reason").fill("over")
        admin.page.get_by_role("button", name="Release the brake").click()
        admin.page.get_by_role("button", name="Engage the brake").wait_for()
        assert [*operator.complaints, *admin.complaints] == []
    finally:
        stack.api.put("brake", json={"engaged": False, "reason": "the test is over"}).raise_for_status()


def test_the_fleet_is_searched_filtered_and_ordered_and_the_address_says_so(sign_in, tenant):
    reader = sign_in("rea.reader")
    page = reader.page
    reader.go("fleet")
    page.get_by_label("Search").fill(tenant)
    page.get_by_label("Mode").select_option("approve")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**q=*mode=approve*")
    rows = page.get_by_role("region", name="Tenants").locator("tbody tr")
    assert (rows.count(), "Console <img" in rows.first.inner_text()) == (1, True)
    page.get_by_role("link", name="Tenant", exact=True).click()
    page.wait_for_url("**sort=name*")
    assert page.get_by_role("columnheader", name="Tenant").get_attribute("aria-sort") == "ascending"
    page.get_by_role("link", name="show all").click()
    page.wait_for_url("**/fleet")
    assert reader.complaints == []


@pytest.mark.usefixtures("tenant")
def test_who_has_signed_out_sees_no_page_any_more(sign_in):
    reader = sign_in("rea.reader")
    reader.page.get_by_role("button", name="Sign out").click()
    reader.page.wait_for_url("**/signed-out")
    reader.go("fleet")
    assert "/authorize" in reader.page.url
    assert reader.page.get_by_role("region", name="Tenants").count() == 0


def test_a_page_prints_what_it_says_and_nothing_to_press(sign_in, tenant):
    reader = sign_in("ada.admin")
    reader.go(f"tenants/{tenant}")
    reader.page.emulate_media(media="print")
    assert not reader.page.get_by_role("link", name="Check now").is_visible()
    assert not reader.page.get_by_role("navigation", name="Pages").is_visible()
    assert reader.page.get_by_role("heading", name="Findings").is_visible()
    assert reader.page.pdf().startswith(b"%PDF")


def test_what_is_held_for_the_blast_radius_goes_on_when_an_admin_says_why(stack, sign_in):
    signature = "oof-connector:Set-OutboundConnector"
    for number in range(MOST_TENANTS + 1):
        taken_up(stack, f"wide{number}.example", OOF_OFF, mode="correct")
    operator, admin = sign_in("oli.operator"), sign_in("ada.admin")
    release = f"Let {signature} go on"

    def held():
        operator.go("health")
        return f"{signature} is held" in operator.page.get_by_role("region", name="Blast radius").inner_text()

    until(held)
    assert operator.page.get_by_role("button", name=release).count() == 0
    admin.go("health")
    admin.page.get_by_role("region", name="Blast radius").get_by_label("Reason").fill("the new range")
    admin.page.get_by_role("button", name=release).click()
    admin.page.get_by_text("the new range").first.wait_for()
    assert admin.page.get_by_role("button", name=release).count() == 0
    path = "states?control=oof-connector&q=wide"
    until(lambda: {each["state"] for each in stack.api.get(path).json()} == {"compliant"})
    assert [*operator.complaints, *admin.complaints] == []
