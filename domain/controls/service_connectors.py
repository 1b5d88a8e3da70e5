"""Each connector that the tenant's config declares for another service exists and is on.

Web forms, printers, scanners and IoT devices send straight to the tenant. A declared one identifies its service by
address or certificate and never restricts: a second restricting connector for `*` would itself lock the tenant.
Undeclared connectors are left alone. Source: docs/reference/exchangedefender.md#lock-down.
"""

from collections.abc import Mapping
from dataclasses import replace

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


def is_declared(connector: InboundConnector, wanted: Wanted) -> bool:
    """Whether *connector* is one of those that the tenant's config declares."""
    return bool(served_by(connector, wanted))


def served_by(connector: InboundConnector, wanted: Wanted) -> list[ServiceConnector]:
    """The declared services whose connector it is, or looks like."""
    return [each for each in wanted.tenant.service_connectors if _serves(connector, each, wanted)]


def _judge(facts: Facts, wanted: Wanted) -> Judgement:
    declared = wanted.tenant.service_connectors
    if not declared:
        return NotApplicable("the tenant's config declares no service connectors")
    seen, steps, todo, findings = Comparison(), list[Step](), list[str](), list[Finding]()
    for service in declared:
        match _of(service, facts, wanted):
            case []:
                one, planned = _missing(service)
            case [connector]:
                one, planned, kept = _differing(connector, service, wanted.inventory.about(service.name))
                findings += (replace(each, service=service.name) for each in kept)
            case several:
                names = " and ".join(quoted(c.name) for c in several)
                todo.append(f"the connectors {names} both look like {quoted(service.name)}: remove all but one of them")
                continue
        seen += one
        steps += planned
    judged: Compliant | Drifted | NeedsPerson = Compliant(equal=seen.equal)
    if steps:
        judged = Drifted(seen.drift, tuple(steps), equal=seen.equal)
    elif todo:
        judged = NeedsPerson("; ".join(todo), equal=seen.equal)
    return with_findings(judged, findings, wanted.inventory)


def _of(service: ServiceConnector, facts: Facts, wanted: Wanted) -> list[InboundConnector]:
    return [c for c in facts.all(InboundConnector) if c.connector_type == "Partner" and _serves(c, service, wanted)]


def known_by_address(connector: InboundConnector, facts: Facts, wanted: Wanted) -> str:
    """The declared service whose one connector *connector* is, and each address of it judged; empty where none is."""
    by_address = (each for each in wanted.tenant.service_connectors if each.sender_ips)
    return next((each.name for each in by_address if _of(each, facts, wanted) == [connector]), "")


def _missing(service: ServiceConnector) -> tuple[Comparison, list[Step]]:
    drift = Drift(f"{service.name}: Name", service.name, None)
    values: dict[str, Value] = {"Name": service.name, "ConnectorType": "Partner", "SenderDomains": ("*",)}
    values |= _identity(service) | {"Enabled": True}
    return Comparison((drift,)), [Step("exchange", "New-InboundConnector", values, (drift.field,))]


def _serves(connector: InboundConnector, service: ServiceConnector, wanted: Wanted) -> bool:
    """By name, or by exactly the declared addresses or certificate (then somebody renamed it).

    By name alone where it may be the lock, which has all of the filter's addresses, too.
    """
    if service.certificate:
        same = connector.tls_sender_certificate_name.casefold() == service.certificate.casefold()
    else:
        listed = frozenset(service.sender_ips)
        same = connector.sender_ip_addresses == listed and not _may_be_the_lock(connector, wanted)
    return same or normal.name(connector.name) == normal.name(service.name)


def _may_be_the_lock(connector: InboundConnector, wanted: Wanted) -> bool:
    """Whether *connector* takes all that is the filter's, and nothing tells it from the lock.

    One for more than the filter that neither restricts nor is called as the lock is a service's.
    """
    if not wanted.takes_all(connector.sender_ip_addresses):
        return False
    ranges = frozenset((*wanted.profile.delivery_networks, *wanted.former_networks))
    more = not all(normal.covers(ranges, each) for each in connector.sender_ip_addresses)
    return not more or connector.restrict_domains_to_ip_addresses or wanted.names_the_lock(connector.name)


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
) -> tuple[Comparison, list[Step], tuple[Finding, ...]]:
    """What differs on a declared connector, the steps that put it back, and what is found on it that stays."""
    seen = compare(("Name", connector.name, connector.name), ("Enabled", True, connector.enabled))
    certificate = connector.tls_sender_certificate_name
    if service.certificate:
        same = certificate.casefold() == service.certificate.casefold()
        seen += compare(("TlsSenderCertificateName", service.certificate, service.certificate if same else certificate))
    off = inventory.loosened.get(connector.key, ())
    seen += compare(*((name, True, connector.restrictions[name]) for name in off))
    values = sort_out(_ID, connector.name, seen, inventory)
    others = other_addresses(_ID, connector, service.sender_ips) if service.sender_ips else {}
    kept, going = inventory.kept(others.values()), inventory.going(others.values())
    senders = Comparison()
    if service.sender_ips:
        addresses = (*service.sender_ips, *(text for text, each in others.items() if each in kept))
        senders = compare(("SenderIPAddresses", listed(addresses), listed(connector.sender_ip_addresses)))
    # What a person has removed is a step of its own, which is taken without what else has drifted.
    apart = values.going + (senders if going else Comparison())
    back = values.seen + (Comparison() if going else senders)
    removes = replace(_step(connector, service, apart), removes=(*values.removes, *going))
    steps = [*([_step(connector, service, back)] if back.drift else []), *([removes] if apart.drift else [])]
    return (back + apart).of(service.name), steps, (*values.kept.values(), *kept)


def _step(connector: InboundConnector, service: ServiceConnector, seen: Comparison) -> Step:
    values: dict[str, Value] = {"Identity": connector.identity, **seen.values}
    return Step("exchange", "Set-InboundConnector", values, seen.of(service.name).fields)


def _asked(tenant: TenantConfig) -> Mapping[str, object]:
    """What the config asks of the connector of each declared service; of two with one name, of both."""
    services = tenant.service_connectors
    same = {each.name: [other for other in services if other.name == each.name] for each in services}
    return {name: [each.model_dump(mode="json") for each in those] for name, those in same.items()}


CONTROL = Control(
    id=_ID,
    title="Connectors of the tenant's other services",
    about=(InboundConnector,),
    beside=(AcceptedDomain,),
    asked=_asked,
    source="https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow"
    "/set-up-connectors-for-secure-mail-flow-with-a-partner",
    judge=_judge,
    finds=("address", "term"),
    by_hand="Exchange admin center > Mail flow > Connectors: create or turn on the connector of the service named.",
)
