"""Each connector that the tenant's config declares for another service exists and is on.

Web forms, printers, scanners and IoT devices send straight to the tenant. A declared one identifies its service by
address or certificate and never restricts: a second restricting connector for `*` would itself lock the tenant.
Undeclared connectors are left alone. Source: docs/reference/exchangedefender.md#lock-down.
"""

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    NotApplicable,
    compare,
    listed,
    with_findings,
)
from domain.exchange import AcceptedDomain, InboundConnector
from domain.facts import Facts
from domain.findings import Finding, Inventory, found
from domain.others_values import sort_out
from domain.shown import quoted
from domain.steps import Step, Value
from domain.tenant import ServiceConnector, TenantConfig, Wanted

_ID = "service-connectors"


def is_declared(connector: InboundConnector, tenant: TenantConfig) -> bool:
    """Whether *connector* is one of those that the tenant's config declares."""
    return any(serves(connector, service) for service in tenant.service_connectors)


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    declared = wanted.tenant.service_connectors
    if not declared:
        return NotApplicable("the tenant's config declares no service connectors")
    seen, steps, todo, findings = Comparison(), [], [], list[Finding]()
    for service in declared:
        match _of(service, facts):
            case []:
                one, step = _missing(service)
            case [connector]:
                one, step, kept = _differing(connector, service, wanted.inventory)
                findings += kept
            case several:
                names = " and ".join(quoted(c.name) for c in several)
                todo.append(f"the connectors {names} both look like {quoted(service.name)}: remove all but one of them")
                continue
        seen += one
        steps += [step] if one.drift else []
    judged: Compliant | Drifted | NeedsPerson = Compliant(equal=seen.equal)
    if steps:
        judged = Drifted(seen.drift, tuple(steps), equal=seen.equal)
    elif todo:
        judged = NeedsPerson("; ".join(todo), equal=seen.equal)
    return with_findings(judged, findings, wanted.inventory)


def _of(service: ServiceConnector, facts: Facts) -> list[InboundConnector]:
    return [c for c in facts.all(InboundConnector) if c.connector_type == "Partner" and serves(c, service)]


def compares_addresses(connector: InboundConnector, facts: Facts, tenant: TenantConfig) -> bool:
    """Whether this control judges each address of *connector*: the one connector of a service known by address."""
    return any(each.sender_ips and _of(each, facts) == [connector] for each in tenant.service_connectors)


def _missing(service: ServiceConnector) -> tuple[Comparison, Step]:
    drift = Drift(f"{service.name}: Name", service.name, None)
    values: dict[str, Value] = {"Name": service.name, "ConnectorType": "Partner", "SenderDomains": ("*",)}
    values |= _identity(service) | {"Enabled": True}
    return Comparison((drift,)), Step("exchange", "New-InboundConnector", values, (drift.field,))


def serves(connector: InboundConnector, service: ServiceConnector) -> bool:
    """By name, or by exactly the declared addresses or certificate (then somebody renamed it)."""
    if service.certificate:
        same = connector.tls_sender_certificate_name.casefold() == service.certificate.casefold()
    else:
        same = connector.sender_ip_addresses == frozenset(service.sender_ips)
    return same or normal.name(connector.name) == normal.name(service.name)


def _identity(service: ServiceConnector) -> dict[str, Value]:
    if service.certificate:
        return {"TlsSenderCertificateName": service.certificate, "RequireTls": True}
    return {"SenderIPAddresses": listed(service.sender_ips), "RequireTls": service.require_tls}


def other_addresses(control: str, connector: InboundConnector, networks: tuple[str, ...]) -> dict[str, Finding]:
    """The addresses of *connector* beside *networks*, by their text."""
    return {
        each: found("address", control, connector.name, each, f"mail that is sent from {each} comes in by it")
        for each in sorted(connector.sender_ip_addresses - set(networks))
    }


def _differing(
    connector: InboundConnector, service: ServiceConnector, inventory: Inventory
) -> tuple[Comparison, Step, tuple[Finding, ...]]:
    """What differs on a declared connector, the step that puts it back, and what is found on it that stays."""
    seen = compare(("Name", connector.name, connector.name), ("Enabled", True, connector.enabled))
    certificate = connector.tls_sender_certificate_name
    if service.certificate:
        same = certificate.casefold() == service.certificate.casefold()
        seen += compare(("TlsSenderCertificateName", service.certificate, service.certificate if same else certificate))
    off = inventory.loosened.get(connector.key, ())
    seen += compare(*((name, True, connector.restrictions[name]) for name in off))
    values = sort_out(_ID, connector.name, seen, inventory)
    seen = values.seen + values.going
    others = other_addresses(_ID, connector, service.sender_ips) if service.sender_ips else {}
    kept = inventory.kept(others.values())
    if service.sender_ips:
        addresses = (*service.sender_ips, *(text for text, each in others.items() if each in kept))
        seen += compare(("SenderIPAddresses", listed(addresses), listed(connector.sender_ip_addresses)))
    named = seen.of(service.name)
    step = Step(
        "exchange",
        "Set-InboundConnector",
        {"Identity": connector.identity, **seen.values},
        named.fields,
        (*values.removes, *inventory.going(others.values())),
    )
    return named, step, (*values.kept.values(), *kept)


CONTROL = Control(
    id=_ID,
    title="Connectors of the tenant's other services",
    about=(InboundConnector,),
    beside=(AcceptedDomain,),
    source="https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow"
    "/set-up-connectors-for-secure-mail-flow-with-a-partner",
    judge=_judge,
    finds=("address", "term"),
    by_hand="Exchange admin center > Mail flow > Connectors: create or turn on the connector of the service named.",
)
