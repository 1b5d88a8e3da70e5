"""A tenant as Exchange lists it, row by row as in docs/reference/exchange.md, for judging without any I/O."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

from pydantic import AliasChoices, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from clients.profiles import all_profiles
from domain.control import Control, Judgement
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.findings import Inventory
from domain.mail.answers import Absent, DnsAnswer, Mx, Present, Question, Txt
from domain.mail_flow import Group, MailSeen, Traffic
from domain.profile import Profile
from domain.reading import Query, Reading, Seen, Unseen
from domain.tenant import TenantConfig, Wanted
from simulator.wire.envelope import annotated
from simulator.world import World

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TENANT_ID = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"

type Rows = dict[str, list[dict[str, Any]]]

_SHEET: Rows = {
    "Get-AcceptedDomain": [
        {"DomainName": "northwindlegal.example", "DomainType": "Authoritative", "InitialDomain": False},
        {"DomainName": "northwindlegal.onmicrosoft.com", "DomainType": "Authoritative", "InitialDomain": True},
    ],
    "Get-InboundConnector": [
        {
            "Identity": "ExchangeDefender",
            "Name": "ExchangeDefender",
            "Enabled": True,
            "ConnectorType": "Partner",
            "SenderDomains": ["smtp:*;1"],
            "SenderIPAddresses": ["65.99.255.0/24"],
            "RequireTls": True,
            "RestrictDomainsToIPAddresses": True,
            "RestrictDomainsToCertificate": False,
            "CloudServicesMailEnabled": False,
            "TlsSenderCertificateName": None,
            "AssociatedAcceptedDomains": [],
            "Comment": "ExchangeDefender Inbound connector for 65.99.255.0/24",
        }
    ],
    "Get-OutboundConnector": [
        {
            "Identity": "Automatic Replies (Out of Office) Only",
            "Name": "Automatic Replies (Out of Office) Only",
            "Guid": "6f1a3f0d-52f5-4b7d-8a2e-7c7e5a0d9b21",
            "Enabled": True,
            "ConnectorType": "Partner",
            "UseMXRecord": True,
            "IsTransportRuleScoped": True,
            "TlsSettings": "CertificateValidation",
            "TestMode": False,
        }
    ],
    "Get-TransportRule": [
        {
            "Identity": "Send Automatic Replies to connector Automatic Replies",
            "Name": "Send Automatic Replies to connector Automatic Replies",
            "State": "Enabled",
            "Mode": "Enforce",
            "MessageTypeMatches": "OOF",
            "RouteMessageOutboundConnector": "Automatic Replies (Out of Office) Only",
            "FromScope": None,
            "ExceptIfSentToScope": None,
            "DeleteMessage": False,
            "ExpiryDate": None,
        }
    ],
    "Get-DkimSigningConfig": [
        {
            "Domain": "northwindlegal.example",
            "Enabled": True,
            "Status": "Valid",
            "Selector1CNAME": "selector1-a._domainkey.n.a-v1.dkim.mail.microsoft",
            "Selector2CNAME": "selector2-a._domainkey.n.a-v1.dkim.mail.microsoft",
        }
    ],
    "Get-AntiPhishPolicy": [
        {
            "Identity": "Office365 AntiPhish Default",
            "Name": "Office365 AntiPhish Default",
            "IsDefault": True,
            "EnableSpoofIntelligence": False,
            "RecommendedPolicyType": "Custom",
        }
    ],
    "Get-AntiPhishRule": [],
    "Get-EOPProtectionPolicyRule": [],
    "Get-TenantAllowBlockListSpoofItems": [
        {"Identity": "1", "SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"},
        {"Identity": "2", "SpoofedUser": "*", "SendingInfrastructure": "206.125.40.0/24", "SpoofType": "External", "Action": "Allow"},
    ],
    "Get-BlockedConnector": [],
    "Get-ProtectionAlert": [
        {"Name": "Phish delivered due to an ETR override\u200b", "Disabled": True},
        {"Name": "Phish delivered due to an IP allow policy", "Disabled": True},
        {"Name": "Suspicious connector activity", "Disabled": False},
    ],
}  # fmt: skip


def _simulated(query: Query) -> list[dict[str, Any]]:
    """What *query* lists of a healthy tenant, as the simulator has it."""
    tenant = World(clock=lambda: NOW).add_tenant("northwindlegal.example")
    return [annotated(row, (), null_empties=False) for row in tenant.admin(query.cmdlet, **dict(query.parameters))]


_QUERIES = tuple(dict.fromkeys(query for control in CATALOGUE.values() for query in control.queries))
HEALTHY: Rows = {query.cmdlet: _SHEET.get(query.cmdlet) or _simulated(query) for query in _QUERIES}
"""Every object that some control reads; of a kind that is not written out above, as the simulator lists it."""


def healthy() -> Rows:
    return deepcopy(HEALTHY)


def example(model: type[BaseModel]) -> dict[str, Any]:
    """The least that *model* takes, made from its schema: false, an empty list, a name."""
    return {_key(name, field): _value(field) for name, field in model.model_fields.items()}


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias or name
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else str(alias)


def _value(field: FieldInfo) -> Any:
    adapter = TypeAdapter[Any](Annotated[(field.annotation, *field.metadata, "as in the class")])  # type: ignore[arg-type]
    candidates: tuple[Any, ...] = (False, [], "other", 0)
    for value in candidates:
        try:
            adapter.validate_python(value, strict=isinstance(value, bool))
        except ValidationError:
            continue
        return value
    raise NotImplementedError(f"no example of {field}")


def differing(control: Control) -> Iterator[Rows]:
    """The healthy tenant with one thing that *control* is about changed: an object gone, another value, one more."""
    for kind in control.about:
        cmdlet = kind.queries[0].cmdlet
        for at, row in enumerate(HEALTHY[cmdlet]):
            yield HEALTHY | {cmdlet: [*HEALTHY[cmdlet][:at], *HEALTHY[cmdlet][at + 1 :]]}
            for field, value in row.items():
                yield HEALTHY | {
                    cmdlet: [*HEALTHY[cmdlet][:at], row | {field: _other(value)}, *HEALTHY[cmdlet][at + 1 :]]
                }
        yield HEALTHY | {cmdlet: [*HEALTHY[cmdlet], example(kind)]}


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case list():
            return ["203.0.113.0/24"]
        case _:
            return "Other"


def reading(rows: Rows) -> Reading:
    """*rows* as if every query of every control had been answered with them."""
    return {query: Seen(tuple(rows[query.cmdlet]), NOW) for query in _QUERIES}


def failing(rows: Rows, cmdlet: str) -> Reading:
    """As *reading*, but *cmdlet* could not be read."""
    return {
        q: Unseen("no answer", NOW, "grant it") if q.cmdlet == cmdlet else seen for q, seen in reading(rows).items()
    }


_SHIPPED = all_profiles().newest["exchangedefender"]
_ABSENT = {
    name: example(next(part for part in get_args(field.annotation) if part is not type(None)))
    for name, field in Profile.model_fields.items()
    if field.default is None and not getattr(_SHIPPED, name)
}
"""What the shipped profile leaves out, filled in with an example, so that every control has something to judge."""


_DAY = timedelta(days=1)
TRACED = MailSeen(
    first_read_at=NOW - _DAY,
    read_at=NOW,
    due_at=NOW + _DAY,
    locked=True,
    proven_from=NOW - _DAY,
    rehearsal=Traffic(
        NOW - _DAY,
        NOW,
        1,
        {"outside": 1},
        groups=(Group("198.51.100.0/24", "shop.example", 1, NOW, ("198.51.100.9",)),),
    ),
    proof=Traffic(NOW - _DAY, NOW, 1, {"filter": 1}),
)
"""What the trace of a tenant has told whose mail came by the filter, and of which a lock would have refused some."""

PROVEN = Inventory(
    settled=frozenset(CATALOGUE),
    begun=frozenset[str]().union(*(control.sources for control in CATALOGUE.values())),
    mail=TRACED,
)
"""A tenant of which every control was proven a moment ago."""


def wanted(**config: Any) -> Wanted:
    tenant = TenantConfig.model_validate(
        {"tenant_id": TENANT_ID, "name": "Northwind", "initial_domain": "northwindlegal.onmicrosoft.com"} | config
    )
    return Wanted(tenant, _SHIPPED.with_overrides(_ABSENT | tenant.overrides), PROVEN)


def text(*strings: str) -> Present:
    return Present(tuple(Txt((string.encode(),)) for string in strings), 300, NOW)


DNS: dict[Question, DnsAnswer] = {
    Question("northwindlegal.example", "MX"): Present((Mx(10, "inbound30.exchangedefender.com"),), 300, NOW),
    Question("inbound30.exchangedefender.com", "CNAME"): Absent(name_exists=True, ttl_s=300, at=NOW),
    **{
        Question(f"selector{n}._domainkey.northwindlegal.example", "CNAME"): Present(
            (f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft",), 300, NOW
        )
        for n in (1, 2)
    },
    **{
        Question(f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft", "TXT"): text("v=DKIM1; k=rsa; p=MIGf")
        for n in (1, 2)
    },
    Question("northwindlegal.example", "TXT"): text(
        "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"
    ),
    Question("proxy.exchangedefender.com", "TXT"): text("v=spf1 ip4:65.99.255.0/24 -all"),
    Question("spf.protection.outlook.com", "TXT"): text("v=spf1 ip4:40.92.0.0/15 -all"),
    Question("_dmarc.northwindlegal.example", "TXT"): text("v=DMARC1; p=none"),
}
"""What DNS says of the healthy tenant; what is not here does not exist."""


def answered(facts: Facts, control: Control, tenant: Wanted, dns: dict[Question, DnsAnswer]) -> Facts:
    """*facts* with all that *control* asks of *dns*."""
    while questions := control.questions(facts, tenant):
        facts = facts.answered({q: dns.get(q, Absent(name_exists=False, ttl_s=300, at=NOW)) for q in questions})
    return facts


def judge(
    control: Control | str, rows: Rows, answers: Mapping[Question, DnsAnswer] | None = None, **config: Any
) -> Judgement:
    chosen = CATALOGUE[control] if isinstance(control, str) else control
    facts = answered(Facts(reading(rows)), chosen, wanted(**config), DNS | dict(answers or {}))
    return chosen.find(facts, wanted(**config))
