"""Which entries are events for programs, and that an event is a CloudEvent."""

import pytest

from domain.events import event_of
from domain.ledger import Entry
from domain.steps import ShownStep
from tests.domain.builders import NOW, TENANT_ID


def entry(event, **fields):
    return Entry(at=NOW, tenant_id=TENANT_ID, control="spf", event=event, **fields)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("drift_found", "holdfast.drift.found"),
        ("corrected", "holdfast.correction.proven"),
        ("needs_person", "holdfast.finding.open"),
        ("declared", "holdfast.finding.declared"),
        ("awaiting_approval", "holdfast.approval.wanted"),
        ("approved", "holdfast.approval.given"),
    ],
)
def test_drift_correction_finding_and_approval_are_events(event, kind):
    step = ShownStep("exchange", "Set-X", {}, "Set-X -Enabled $true")
    made = event_of(entry(event, detail="x", steps=(step,)), 17)
    assert made
    assert (made.type, made.specversion, made.subject, made.sequence) == (kind, "1.0", "spf", "000000000017")
    assert (made.source, made.id, made.time) == (f"/tenants/{TENANT_ID}/ledger", entry(event).id, NOW)
    assert (made.data.position, made.data.steps) == (17, ("Set-X -Enabled $true",))


def test_all_else_is_nothing_for_programs():
    assert event_of(entry("settings_changed"), 1) is None
