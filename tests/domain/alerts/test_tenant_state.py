from datetime import timedelta

from domain.alerts import tenant_state
from tests.domain.alerts.samples import FALSE, NEVER, NOW, PROFILE, ROUND, THEIRS, UNPROVEN, alert, message, record_of


def test_one_finding_lists_the_messages_of_all_alerts_and_names_each_cause_once():
    one, _ = record_of(alert(*ROUND, id="fa1"))
    other, _ = record_of(alert(message("198.51.100.99", p2Sender=None, internetMessageId=None), id="fa2"))
    found = tenant_state.with_alerts(NEVER, [one, other], PROFILE, NOW)
    assert (found.state, len(found.drift)) == ("needs_person", 2)
    assert found.detail.count("IP allow policy") == 1
    again = tenant_state.with_alerts(found, [one], PROFILE, NOW + timedelta(hours=1))
    assert (again.detail, again.since) == (found.detail, NOW)


def test_settled_and_false_alerts_are_no_finding():
    records = [record_of(alert(*ROUND, **THEIRS))[0], record_of(alert(*FALSE))[0], record_of(alert(*UNPROVEN))[0]]
    assert tenant_state.with_alerts(NEVER, records, PROFILE, NOW).state == "compliant"
