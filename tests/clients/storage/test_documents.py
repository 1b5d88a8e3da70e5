"""What is kept in a row comes back, however long it is and whichever version wrote it, but for a later one."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.storage.alerts import Book
from clients.storage.audit import AuditBook
from clients.storage.documents import ROW_VERSION, NewerRow, pack, unpack
from domain.alerts.record import AlertRecord
from domain.psa.records import AskingTicket, CauseTicket, KnownTicket, Told

LATER = ROW_VERSION + 1
AT = "2026-11-23T12:00:00Z"
MAIL = {
    "message_id": "m",
    "sender": "a@b.example",
    "sender_ip": "192.0.2.1",
    "recipient": "c@d.example",
    "received": AT,
}

EARLIER = [
    (CauseTicket, {"provider": "halopsa", "ticket_id": "7", "status": "2", "plan": "", "plan_note": 0, "armed": False,
                   "posting": [], "noted": ["e1"], "closed_at": None}),
    (Told, {"until": AT, "ids": ["e1"]}),
    (KnownTicket, {"read_at": AT, "trigger": "", "asked": 1, "asking": None, "tenant_id": "", "cause": ""}),
    (AskingTicket, {"provider": "autotask", "ticket_id": "7", "operation_id": "op", "stage": "running"}),
    (Book, {"watermark": AT, "swept_at": None, "spent": {"began": AT, "requests": 3}}),
    (AuditBook, {"until": {"Audit.Exchange": AT}, "fetched": {"Audit.Exchange": {"blob": AT}}}),
    (AlertRecord, {"id": "a", "title": "t", "url": "", "updated": AT, "unsettled": True, "kind": "round", "reason": "r",
                   "count": 1, "mails": [MAIL], "again": False, "work": "closing", "commented": None, "closed": None,
                   "reopened": AT}),
]  # fmt: skip
"""As the version before this one wrote them: without a version column."""


@pytest.mark.parametrize(("kind", "content"), EARLIER, ids=lambda each: getattr(each, "__name__", ""))
def test_a_row_of_the_version_before_is_read_whole(kind, content):
    found = unpack(kind, {"PartitionKey": "p", "RowKey": "r", "body0": json.dumps(content)})
    kept = pack("p", "r", found)
    assert content.items() <= json.loads(kept["body0"]).items()  # fields that are new since have their default
    assert unpack(kind, kept) == found


def test_a_row_of_a_later_version_is_refused_before_it_is_read():
    with pytest.raises(NewerRow, match=f"row p r is of version {LATER}, later than {ROW_VERSION}"):
        unpack(Told, {"PartitionKey": "p", "RowKey": "r", "version": LATER, "body0": '{"til": "later"}'})


@given(st.lists(st.text(max_size=50_000), max_size=3))
def test_what_is_too_long_for_one_property_comes_back_from_several(texts):
    record = CauseTicket("autotask", "7", noted=tuple(texts))
    assert unpack(CauseTicket, pack("p", "r", record)) == record


def test_the_changelog_says_that_there_is_no_way_back_from_these_rows():
    changelog = " ".join((Path(__file__).parents[3] / "CHANGELOG.md").read_text("utf-8").split())
    assert re.search(rf"No way back[^.]*rows of version {ROW_VERSION}\b", changelog)
