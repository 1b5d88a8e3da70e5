"""Each connector that the tenant's config declares for another service exists and is on.

Guide: "you will need to create a connector for each service" (web forms, printers, scanners, IoT devices).
A declared connector identifies its service by IP or certificate and never restricts: a second restricting connector
for `*` would itself lock the tenant (dns-and-exchangedefender 1.5). Undeclared connectors are never looked at twice.
"""

from collections.abc import Iterable

from domain import normal
from domain.control import (
    Compliant,
    Control,
    Drift,
    Drifted,
    Facts,
    Finding,
    NeedsPerson,
    NotApplicable,
    drift_of,
    listed,
    values_of,
)
from domain.exchange import AcceptedDomain, InboundConnector
from domain.steps import Step, Value
from domain.tenant import ServiceConnector, Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    declared = wanted.tenant.service_connectors
    if not declared:
        return NotApplicable("the tenant's config declares no service connectors")
    each = [_one(service, facts.all(InboundConnector)) for service in declared]
    if drifted := [finding for finding in each if isinstance(finding, Drifted)]:
        return Drifted(tuple(_all(f.drift for f in drifted)), tuple(_all(f.steps for f in drifted)))
    return next((finding for finding in each if isinstance(finding, NeedsPerson)), Compliant())


def _all[T](groups: Iterable[tuple[T, ...]]) -> list[T]:
    return [item for group in groups for item in group]


def _one(service: ServiceConnector, connectors: tuple[InboundConnector, ...]) -> Finding:
    match [c for c in connectors if c.connector_type == "Partner" and _serves(c, service)]:
        case []:
            values: dict[str, Value] = {"Name": service.name, "ConnectorType": "Partner", "SenderDomains": ("*",)}
            step = Step("exchange", "New-InboundConnector", values | _identity(service) | {"Enabled": True})
            return Drifted((Drift(f"{service.name}: Name", service.name, None),), (step,))
        case [one]:
            return _differing(one, service)
        case several:
            names = " and ".join(f"'{c.name}'" for c in several)
            return NeedsPerson(f"the connectors {names} both look like '{service.name}': remove all but one of them")


def _serves(connector: InboundConnector, service: ServiceConnector) -> bool:
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


def _differing(connector: InboundConnector, service: ServiceConnector) -> Finding:
    drift = drift_of(("Enabled", True, connector.enabled))
    if service.certificate and connector.tls_sender_certificate_name.casefold() != service.certificate.casefold():
        drift += drift_of(("TlsSenderCertificateName", service.certificate, connector.tls_sender_certificate_name))
    if service.sender_ips:
        drift += drift_of(("SenderIPAddresses", listed(service.sender_ips), listed(connector.sender_ip_addresses)))
    if not drift:
        return Compliant()
    step = Step("exchange", "Set-InboundConnector", {"Identity": connector.identity, **values_of(drift)})
    return Drifted(tuple(Drift(f"{service.name}: {d.field}", d.wanted, d.found) for d in drift), (step,))


CONTROL = Control(
    id="service-connectors",
    title="Connectors of the tenant's other services",
    guide='Configuring Microsoft365 with ExchangeDefender, Tips: "create a connector for each service"',
    lane="fast",
    sees=(InboundConnector, AcceptedDomain),
    judge=_judge,
    by_hand="Exchange admin center > Mail flow > Connectors: create or turn on the connector of the service named.",
)
