"""Defender's alerts of one tenant: raised, gathering evidence, resolved by people and applications."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from simulator.moments import seven_digits
from simulator.organization import Organization
from simulator.rows import Row

IP_ALLOW = "Phish delivered due to an IP allow policy"
ETR = "Phish delivered due to an ETR override"

STATUSES = {"unknown", "new", "inProgress", "resolved"}
CLASSIFICATIONS = {"unknown", "falsePositive", "truePositive", "informationalExpectedActivity"}
DETERMINATIONS = {
    "unknown",
    "apt",
    "malware",
    "securityPersonnel",
    "securityTesting",
    "unwantedSoftware",
    "other",
    "multiStagedAttack",
    "compromisedAccount",
    "phishing",
    "maliciousUserActivity",
    "notMalicious",
    "notEnoughDataToValidate",
    "confirmedActivity",
    "lineOfBusinessApplication",
}
CHANGEABLE: dict[str, set[str] | None] = {
    "status": STATUSES,
    "classification": CLASSIFICATIONS,
    "determination": DETERMINATIONS,
    "assignedTo": None,
}
_MAIL: Row = {
    "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
    "verdict": "suspicious",
    "remediationStatus": "none",
    "remediationStatusDetails": None,
    "roles": [],
    "detailedRoles": [],
    "tags": [],
    "subject": "Invoice 20817",
    "language": "en",
    "antiSpamDirection": "Inbound",
    "deliveryAction": "Delivered",
    "deliveryLocation": "Inbox",
    "urn": "urn:MailEntity:0c2b1f",
    "threats": ["HighConfPhish"],
    "threatDetectionMethods": ["MixedAnalysis"],
    "urls": [],
    "urlCount": 0,
    "attachmentsCount": 0,
    "p1Sender": {"emailAddress": "bounce@mailer.example.net", "displayName": None, "domainName": None},
    "p2Sender": {"emailAddress": "billing@example.net", "displayName": "Billing", "domainName": "example.net"},
}
_ALERT: Row = {
    "status": "new",
    "severity": "informational",
    "classification": None,
    "determination": None,
    "serviceSource": "microsoftDefenderForOffice365",
    "detectionSource": "microsoftDefenderForOffice365",
    "productName": "Microsoft Defender for Office 365",
    "detectorId": "00000000-aaaa-4bbb-8ccc-000000000001",
    "recommendedActions": "",
    "category": "InitialAccess",
    "categories": ["InitialAccess"],
    "assignedTo": None,
    "mitreTechniques": ["T1566"],
    "resolvedDateTime": None,
    "systemTags": [],
    "customDetails": {},
    "additionalData": None,
    "comments": [],
    "alertPolicyId": None,
    "actorDisplayName": None,
    "threatDisplayName": None,
    "threatFamilyName": None,
    "investigationState": None,
}


@dataclass(slots=True)
class Alerts:
    """The alerts of one tenant. Rows are the JSON of docs/reference/defender-alerts-and-audit.md#alert.

    Args:
        log: method, what, and body of each request that an application made.
        visible: when an alert comes up in the API; those that are not here came up at once.
        meanwhile: what happens to an alert just before it is read on its own.
    """

    tenant: Organization
    rows: dict[str, Row] = field(default_factory=dict)
    visible: dict[str, datetime] = field(default_factory=dict)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    log: deque[tuple[str, str, Any]] = field(default_factory=lambda: deque(maxlen=500))
    asked: deque[datetime] = field(default_factory=deque)

    def mail(self, sender_ip: str | None, *, minutes_ago: float = 5, **fields: Any) -> Row:  # noqa: ANN401 - JSON
        """One `analyzedMessageEvidence`. Delivery fields are in the mixed case of live data."""
        number = len(self.rows) * 100 + len(self.log)
        domain = self.tenant.domains[0]
        return (
            _MAIL
            | {
                "createdDateTime": seven_digits(self.tenant.now()),
                "networkMessageId": str(uuid5(self.tenant.world.next_guid(), "message")),
                "internetMessageId": f"<{number}.{self.tenant.world.next_token()}@mailer.example.net>",
                "senderIp": sender_ip,
                "recipientEmailAddress": f"kim@{domain}",
                "receivedDateTime": seven_digits(self.tenant.now() - timedelta(minutes=minutes_ago)),
            }
            | fields
        )

    def mailbox(self) -> Row:
        address = f"kim@{self.tenant.domains[0]}"
        return {
            "@odata.type": "#microsoft.graph.security.mailboxEvidence",
            "createdDateTime": seven_digits(self.tenant.now()),
            "verdict": "unknown",
            "primaryAddress": address,
            "displayName": "Kim",
            "upn": address,
        }

    def raise_alert(
        self,
        *evidence: Row,
        title: str = IP_ALLOW,
        visible_in: timedelta = timedelta(0),
        **fields: Any,  # noqa: ANN401 - JSON
    ) -> Row:
        """One more alert, with a mailbox beside the *evidence*.

        Args:
            evidence: as `mail` makes it, or anything.
            title: of the alert's policy.
            visible_in: how much later than its creation it comes up (up to 20 minutes were seen).
            fields: replace properties.
        """
        provider_id, now = str(self.tenant.world.next_guid()), self.tenant.now()
        times = sorted(e["receivedDateTime"] for e in evidence if isinstance(e, dict) and e.get("receivedDateTime"))
        first, last = (times[0], times[-1]) if times else (None, None)
        alert_id = fields.get("id", f"fa{provider_id}")
        tail = f"?tid={self.tenant.tenant_id}"
        made: Row = {
            "id": alert_id,
            "providerAlertId": provider_id,
            "incidentId": str(400 + len(self.rows)),
            "tenantId": self.tenant.tenant_id,
            "title": title,
            "description": f"{title}. -V1.0.0.1",
            "alertWebUrl": f"https://security.microsoft.com/alerts/{alert_id}{tail}",
            "incidentWebUrl": f"https://security.microsoft.com/incident2/{400 + len(self.rows)}/overview{tail}",
            "createdDateTime": seven_digits(now),
            "lastUpdateDateTime": seven_digits(now),
            "firstActivityDateTime": first,
            "lastActivityDateTime": last,
            "evidence": [*evidence, self.mailbox()],
        }
        row = _ALERT | made | fields
        self.rows[alert_id] = row
        if visible_in:
            self.visible[alert_id] = now + visible_in
        return row

    def gather(self, alert_id: str, *evidence: Row) -> None:
        """Later events of the same policy are folded into the alert."""
        self._update(alert_id, {"evidence": [*self.rows[alert_id]["evidence"], *evidence]})

    def person(self, alert_id: str, **fields: Any) -> None:  # noqa: ANN401 - JSON
        """Somebody changes the alert in the portal."""
        self._update(alert_id, fields)

    def change(self, alert_id: str, fields: Row) -> Row:
        """What an application's PATCH does: `resolvedDateTime` is set by the service.

        Some products answer with the wanted body and keep the alert as it was, and some answers show the former one.
        """
        before = self.rows[alert_id]
        if self.tenant.switches.alert_changes == "ignored":
            return before | fields
        resolved = {"resolvedDateTime": seven_digits(self.tenant.now())} if fields.get("status") == "resolved" else {}
        self._update(alert_id, fields | resolved)
        return before if self.tenant.switches.alert_changes == "shown_late" else self.rows[alert_id]

    def comment(self, alert_id: str, text: str, by: str) -> list[Row]:
        """Append-only: the same text twice is two comments."""
        made = {"comment": text, "createdByDisplayName": by, "createdDateTime": seven_digits(self.tenant.now())}
        comments = [*self.rows[alert_id]["comments"], made]
        self._update(alert_id, {"comments": comments})
        return comments

    def seen(self) -> list[Row]:
        """What the API shows now."""
        now = self.tenant.now()
        return [row for alert_id, row in self.rows.items() if self.visible.get(alert_id, now) <= now]

    def read(self, alert_id: str) -> Row:
        """One alert, with what came since it was listed."""
        if happens := self.meanwhile.pop(alert_id, None):
            happens()
        return self.rows[alert_id]

    def writes(self) -> list[tuple[str, str, Any]]:
        return [entry for entry in self.log if entry[0] != "GET"]

    def _update(self, alert_id: str, fields: Row) -> None:
        self.rows[alert_id] = self.rows[alert_id] | fields | {"lastUpdateDateTime": seven_digits(self.tenant.now())}
