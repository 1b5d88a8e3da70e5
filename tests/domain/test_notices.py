"""What a channel is told of an incident: that it began, changed hands and ended, once each, under one number."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain import notices
from domain.incident import SERVICE
from domain.ledger import Entry
from domain.notices import QUIET_AFTER, ChannelTold, Thread, Turn
from domain.psa.records import NotTaken
from tests.domain.builders import NOW, TENANT_ID


def entry(event, minutes=0, control="spf", tenant_id=TENANT_ID, **fields):
    return Entry(at=NOW + timedelta(minutes=minutes), tenant_id=tenant_id, control=control, event=event, **fields)


def incident(event="incident", minutes=0, **fields):
    return entry(event, minutes, "parked-checks", SERVICE, **({"detail": "a message was parked: why"} | fields))


def of(thread, *entries, tenant="Contoso"):
    return notices.turn(thread, entries, tenant)


BEGUN = of(None, entry("awaiting_approval")).thread


def test_an_incident_begins_with_the_entry_that_needs_a_person():
    made = of(None, entry("drift_found"), entry("needs_person", 1))
    assert made == Turn(
        "begun", Thread(entry("needs_person", 1).id, "Contoso: setting spf", "a person", NOW + timedelta(minutes=1))
    )


def test_what_needs_nobody_is_no_incident():
    assert of(None, entry("drift_found"), entry("applying", 1), entry("corrected", 2)) is None


def test_it_changes_hands_when_somebody_else_is_to_act():
    assert of(BEGUN, entry("approved", 1)).stage == "changed hands"
    assert of(BEGUN, entry("approved", 1)).thread.hands == "Holdfast"
    assert of(BEGUN, entry("needs_person", 1)).thread.hands == "a person"
    assert of(BEGUN, entry("awaiting_approval", 1)) is None
    assert of(BEGUN, entry("unreadable", 1)) is None
    taken = of(of(None, incident(), tenant="").thread, incident("incident_taken", 1, actor="Ada"), tenant="")
    assert (taken.stage, taken.thread.hands) == ("changed hands", "Ada")


def test_it_ends_when_its_cause_is_gone_and_begins_anew_with_another_number():
    ended = of(BEGUN, entry("corrected", 5))
    assert (ended.stage, ended.thread.began) == ("ended", BEGUN.began)
    again = of(BEGUN, entry("corrected", 5), entry("needs_person", 9))
    assert (again.stage, again.thread.began) == ("begun", entry("needs_person", 9).id)
    assert of(None, entry("needs_person"), entry("corrected", 5)).stage == "ended"


def test_what_comes_up_again_is_told_again_only_after_a_long_silence():
    lasting = of(None, incident(), tenant="").thread
    assert of(lasting, incident(minutes=60), tenant="") is None
    late = incident(minutes=QUIET_AFTER / timedelta(minutes=1) + 1)
    assert of(lasting, late, tenant="").stage == "begun"
    heard = notices.after_turn(lasting, [incident(minutes=60)], None)
    assert of(heard, late, tenant="") is None


def test_what_lasts_is_remembered_and_what_is_over_is_not():
    ended, moved = of(BEGUN, entry("corrected", 1)), of(BEGUN, entry("approved", 1))
    assert notices.after_turn(BEGUN, [entry("corrected", 1)], ended) is None
    assert notices.after_turn(BEGUN, [entry("approved", 1)], moved) == moved.thread
    assert notices.after_turn(None, [entry("drift_found")], None) is None


def test_what_was_not_tried_yet_comes_first_then_what_was_longest_ago_and_what_rests_waits():
    hour = timedelta(hours=1)
    waiting = {"spf": NotTaken(1, NOW), "dkim": NotTaken(0, NOW - hour), "mx": NotTaken(2, NOW + hour)}
    told = ChannelTold(until=NOW, not_taken=waiting)
    assert told.due(["spf", "mx", "dkim", "dmarc"], NOW) == ["dmarc", "dkim", "spf"]


def test_a_channel_is_away_unless_it_fails_only_at_what_it_refused_while_it_took_others():
    told = ChannelTold(until=NOW, not_taken={"spf": NotTaken(1, NOW), "mx": NotTaken(0, NOW)})
    assert told.shows_away(["spf", "dkim"])
    assert told.shows_away(["mx"])
    assert not told.shows_away(["spf"])
    assert not told.shows_away([])


def test_no_try_counts_while_a_channel_is_away():
    told = ChannelTold(until=NOW, not_taken={"spf": NotTaken(4, NOW)})
    later = NOW + timedelta(hours=1)
    away = told.away(["spf", "dkim"], NOW).away(["spf", "dkim"], later)
    assert away.failing_since == NOW
    assert away.not_taken == {"spf": NotTaken(4, later), "dkim": NotTaken(0, later)}


def test_what_a_channel_was_told_before_rows_knew_of_what_it_does_not_take_still_loads():
    row = '{"until": "2026-11-23T12:00:00Z", "ids": ["a"], "threads": {}, "failing_since": null}'
    told = TypeAdapter(ChannelTold).validate_json(row)
    assert told == ChannelTold(until=datetime(2026, 11, 23, 12, tzinfo=UTC), ids=("a",))


def test_an_incident_that_was_told_before_rows_kept_its_number_still_loads_and_one_that_lasts_keeps_it():
    row = '{"began": "a", "about": "x", "hands": "a person", "last_at": "2026-11-23T12:00:00Z"}'
    assert TypeAdapter(Thread).validate_json(row).number == 0
    kept = of(None, entry("needs_person")).numbered(17).thread
    assert of(kept, entry("awaiting_approval", 1)).thread.number == 17
    assert of(kept, entry("corrected", 5), entry("needs_person", 9)).thread.number == 0


def test_a_notice_says_what_it_is_about_under_one_number_through_all_stages():
    first = notices.notice(TENANT_ID, "spf", of(None, entry("needs_person")).numbered(17), [entry("needs_person")])
    last = notices.notice(TENANT_ID, "spf", of(BEGUN, entry("corrected", 1)).numbered(17), [entry("corrected", 1)])
    assert first.title == last.title == "[spf-7b1f6a3e #17] Contoso: setting spf"
    assert (first.incident, first.number, first.stage, last.stage) == ("spf-7b1f6a3e", 17, "begun", "ended")
    assert first.body == "This has begun; a person is to act.\n2026-11-23 12:00:00 UTC: a person is needed."
    assert last.body.startswith("This has ended.\n2026-11-23 12:01:00 UTC: put back")
    mail = Entry(at=NOW, tenant_id=TENANT_ID, event="parked", detail="x")
    assert notices.about(mail, "Contoso") == "Contoso: mail settings"


def test_the_service_itself_is_told_of_by_the_incidents_own_id():
    made = of(None, incident(), tenant="")
    told = notices.notice(SERVICE, "parked-checks", made.numbered(3), [incident()])
    assert told.title == "[parked-checks #3] Holdfast: a message was parked"


def test_a_long_one_is_cut():
    long = entry("needs_person", detail="x" * 5_000)
    told = notices.notice(TENANT_ID, "spf", of(None, long), [long])
    assert len(told.body) < 1_600
    assert told.body.endswith("... The ledger has all of it.")


@pytest.mark.parametrize("call", ["@everyone", "@here", "<!channel>", "<@U012AB3CD>", "@ALL", "\u202e@here"])
def test_no_tenants_text_calls_everybody_to_a_message(call):
    shown = notices.harmless(f"rule {call} of user@contoso.example")
    assert call not in shown
    assert "user@contoso.example" in shown


def test_the_monthly_message_is_sent_whole():
    made = entry("evidence_made", control="evidence-2026-11", detail="98% proven")
    told = notices.report(TENANT_ID, "evidence-2026-11", 40, made, "Contoso")
    assert (told.stage, told.title) == (
        "report",
        "[evidence-2026-11-7b1f6a3e #40] Mail protection of 2026-11 (Contoso)",
    )
    assert told.body == "The evidence of 2026-11 was made: 98% proven."


def test_a_trial_says_who_asked_for_it():
    assert "key dev has asked for this at 2026-11-23 12:00:00 UTC" in notices.trial(NOW, "key dev").body


EVENTS = st.sampled_from(["needs_person", "awaiting_approval", "approved", "corrected", "drift_found", "held"])


@given(st.lists(st.lists(EVENTS, min_size=1, max_size=4), max_size=8))
def test_however_entries_are_gathered_begun_and_ended_come_in_turns(batches):
    thread, stages, minute = None, [], 0
    for batch in batches:
        entries = [entry(event, minute := minute + 1) for event in batch]
        made = of(thread, *entries)
        if made:
            is_new = thread is None or made.thread.began != thread.began
            stages.append((made.stage, is_new))
        thread = notices.after_turn(thread, entries, made)
        last = [e for e in entries if e.event in {"corrected", "needs_person", "awaiting_approval", "held"}][-1:]
        if last:
            assert (thread is None) == (last[0].event == "corrected")
    for before, after in pairwise(stages):
        if before[0] == "ended":
            assert after[1]
        elif not after[1]:
            assert after[0] in {"changed hands", "ended"}
