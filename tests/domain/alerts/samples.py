"""Alerts as Graph gives them (docs/reference/defender-alerts-and-audit.md#evidence), and a lock-down that was proven."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from clients.profiles import all_profiles
from domain.alerts import tenant_state
from domain.alerts.alert import parse_alert
from domain.alerts.record import blank
from domain.alerts.triage import Wall, triage
from domain.states import ControlState
from tests.domain.builders import wanted

NOW = datetime(2026, 8, 3, 10, 0, tzinfo=UTC)
MAIL = datetime(2026, 8, 3, 9, 10, 22, tzinfo=UTC)
PROFILE = all_profiles().newest["exchangedefender"]
WANTED = replace(wanted(), profile=PROFILE)

LOCKED = ControlState(
    id="inbound-lockdown", state="compliant", since=MAIL - timedelta(days=3), read_at=MAIL + timedelta(minutes=40)
)


def message(sender_ip: Any = "65.99.255.24", **fields: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
        "verdict": "suspicious",
        "networkMessageId": "b2c9a7e4-3d10-4c55-7e21-08deb2a93f00",
        "internetMessageId": "<20260803091019.4471@mailer.example.net>",
        "subject": "Invoice 20817",
        "senderIp": sender_ip,
        "recipientEmailAddress": "kim@contoso.example",
        "antiSpamDirection": "Inbound",
        "receivedDateTime": "2026-08-03T09:10:22Z",
        "p2Sender": {"emailAddress": "billing@example.net", "displayName": None, "domainName": "example.net"},
    } | fields


def mailbox() -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.security.mailboxEvidence", "primaryAddress": "kim@contoso.example"}


def cluster(*ids: str, count: int | None = 1) -> dict[str, Any]:
    kind = "#microsoft.graph.security.mailClusterEvidence"
    return {"@odata.type": kind, "networkMessageIds": list(ids), "emailCount": count}


def alert(*evidence: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "fa3f6b1d70-58c2-4a0e-9b1f-08deb2a94c11",
        "status": "new",
        "classification": None,
        "determination": None,
        "serviceSource": "microsoftDefenderForOffice365",
        "title": "Phish delivered due to an IP allow policy",
        "assignedTo": None,
        "createdDateTime": "2026-08-03T09:14:05.6133333Z",
        "lastUpdateDateTime": "2026-08-03T09:16:41.21Z",
        "firstActivityDateTime": "2026-08-03T09:10:22Z",
        "lastActivityDateTime": "2026-08-03T09:11:22Z",
        "comments": [],
        "evidence": list(evidence),
    } | fields


addresses = st.one_of(
    st.none(),
    st.sampled_from(["", "255.255.255.255", "65.99.255.7", "65.99.255.7 ", "10.1.2.3", "::1", "65.99.255", "x"]),
    st.ip_addresses().map(str),
    st.integers(0, 255).map(lambda last: f"65.99.255.{last}"),
    st.text(max_size=20),
)


moments = st.none() | st.datetimes().map(lambda at: f"{at.isoformat()}Z")


evidence = st.lists(
    st.one_of(
        st.builds(message, addresses, receivedDateTime=moments, antiSpamDirection=st.none() | st.text(max_size=8)),
        st.builds(cluster, st.text(max_size=3), count=st.none() | st.integers(-1, 5)),
        st.just(mailbox()),
        st.dictionaries(
            st.sampled_from(["@odata.type", "senderIp", "verdict"]), st.none() | st.integers() | st.text(max_size=9)
        ),
    ),
    max_size=4,
)


WALL = Wall(LOCKED, replace(LOCKED, id="lock-bypass"))
"""Locked through all of the mail's time, and nothing else let any in."""


OURS = ("falsePositive", "notMalicious")


THEIRS = {"status": "resolved", "classification": "truePositive", "determination": "phishing"}


FALSE, ROUND, UNPROVEN = [message()], [message("198.51.100.24")], [message(None)]


NEVER = ControlState(id=tenant_state.FALSE_ALERTS)


def record_of(raw, **fields):
    seen = parse_alert(raw)
    before = replace(blank(seen), **fields)
    return before.judged(seen, triage(seen, WANTED, WALL), OURS), seen
