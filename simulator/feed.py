"""The audit feed of one tenant: what people and applications did, coming up later, in parcels."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from simulator.moments import seven_digits
from simulator.organization import Organization
from simulator.rows import Row

EXCHANGE, GENERAL = "Audit.Exchange", "Audit.General"
CONTENT_TYPES = {EXCHANGE, GENERAL, "Audit.AzureActiveDirectory", "Audit.SharePoint", "DLP.All"}
_MOST_BLOBS = 5000


class Blob(NamedTuple):
    """A parcel of records.

    *expired*: it is listed, and gone when it is fetched; *failing*: it answers 500 AF50000; *odd*: it is listed without
    its address; *hanging*: it is answered after an hour; *refused*: it answers with that status; *unlistable*: a page
    with it answers 500 AF50000.
    """

    id: str
    content_type: str
    created: datetime
    records: list[Any]
    expired: bool = False
    failing: bool = False
    odd: bool = False
    hanging: bool = False
    refused: int = 0
    unlistable: bool = False


@dataclass(slots=True)
class Feed:
    """What was done in one tenant.

    Args:
        subscriptions: since when each content type is collected.
        refusals: (status, AF code) of the next answers, in order.
        by, address: who the person at the portal is, and where.
        asked: method and path of each request.
    """

    tenant: Organization
    subscriptions: dict[str, datetime] = field(default_factory=dict)
    blobs: deque[Blob] = field(default_factory=lambda: deque(maxlen=_MOST_BLOBS))
    refusals: deque[tuple[int, str]] = field(default_factory=deque)
    by: str = ""
    address: str = "203.0.113.9:51544"
    asked: deque[str] = field(default_factory=lambda: deque(maxlen=1000))

    def add(
        self,
        *records: Any,  # noqa: ANN401 - JSON
        content_type: str = EXCHANGE,
        late_s: float = 0,
        **trouble: Any,  # noqa: ANN401 - the ways in which a `Blob` goes wrong
    ) -> Blob:
        """One more parcel, that comes up *late_s* seconds from now."""
        created = self.tenant.now() + timedelta(seconds=late_s)
        serial = self.tenant.world.next_token()
        name = f"{created:%Y%m%d%H%M%S}{serial:09}$audit_{content_type[6:].lower()}${content_type.replace('.', '_')}"
        blob = Blob(name, content_type, created, list(records), **trouble)
        self.blobs.append(blob)
        return blob

    def record(self, operation: str, parameters: Mapping[str, object], **fields: Any) -> Row:  # noqa: ANN401 - JSON
        """An ExchangeAdmin record of a person's cmdlet, as of now. *fields* replace properties."""
        given = {name: _text(value) for name, value in parameters.items()}
        return {
            "CreationTime": f"{self.tenant.now():%Y-%m-%dT%H:%M:%S}",
            "Id": str(self.tenant.world.next_guid()),
            "Operation": operation,
            "OrganizationId": self.tenant.tenant_id,
            "RecordType": 1,
            "ResultStatus": "True",
            "UserKey": "10032001ABCDEF01",
            "UserType": 2,
            "Version": 1,
            "Workload": "Exchange",
            "ClientIP": self.address,
            "ObjectId": given.get("Identity", given.get("Name", "")),
            "UserId": self.by or f"admin@{self.tenant.initial_domain}",
            "AppAccessContext": {},
            "AppId": "fb78d390-0c51-40cd-8e17-fdbfab77341b",
            "AppPoolName": "MSExchangeAdminApiNetCore",
            "ClientAppId": "",
            "CorrelationID": "",
            "ExternalAccess": False,
            "OrganizationName": self.tenant.initial_domain,
            "OriginatingServer": "AM0PR00XX0000 (15.20.9000.010)",
            "Parameters": [{"Name": name, "Value": value} for name, value in given.items()],
            "RequestId": self.tenant.world.next_request_id(),
            "SessionId": "",
        } | fields

    def wrote(self, cmdlet: str, parameters: Mapping[str, object], *, by_person: bool) -> None:
        """Somebody ran a cmdlet that writes: it comes up in the feed when the switch says."""
        application = self.tenant.world.client_id
        service = {"UserId": application, "UserKey": application, "UserType": 5, "AppId": application}
        security = {"RecordType": 18, "Workload": "SecurityComplianceCenter"} if "ProtectionAlert" in cmdlet else {}
        record = self.record(cmdlet, parameters, **({} if by_person else service), **security)
        if security:
            record["Parameters"] = " ".join(f'-{each["Name"]} "{each["Value"]}"' for each in record["Parameters"])
        self.add(record, content_type=GENERAL if security else EXCHANGE, late_s=self.tenant.switches.audit_minutes * 60)

    def listed(self, content_type: str, start: datetime, end: datetime) -> list[Blob]:
        """What came up in the window, by now, while it was collected or in the day before."""
        since = self.subscriptions[content_type] - timedelta(hours=24)
        now = self.tenant.now()
        return [
            b for b in self.blobs if b.content_type == content_type and max(start, since) <= b.created < min(end, now)
        ]

    def describe(self, blob: Blob, base: str) -> Row:
        root = f"{base}/api/v1.0/{self.tenant.tenant_id}/activity/feed/audit"
        shown = {
            "contentType": blob.content_type,
            "contentId": blob.id,
            "contentUri": f"{root}/{blob.id}",
            "contentCreated": seven_digits(blob.created),
            "contentExpiration": seven_digits(blob.created + timedelta(days=7)),
        }
        return shown | {"contentUri": None} if blob.odd else shown


def _text(value: object) -> str:
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)
