"""Mail of every custom domain carries Microsoft's DKIM signature: the Exchange half.

Guide, OOF step 3: "configure DKIM signing to include Microsoft's signature". A configuration is made switched off, the
tenant then names its two CNAMEs, and signing is switched on when Microsoft has seen them (exchange-admin-api 6.6).
The CNAME targets are taken from the tenant only: two naming schemes live side by side and cannot be computed.
"""

from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drifted,
    Facts,
    Finding,
    NeedsPerson,
    NotApplicable,
    compare,
    listed,
)
from domain.exchange import AcceptedDomain, DkimConfig
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    domains = listed(d.key for d in facts.all(AcceptedDomain) if d.in_scope)
    if not domains:
        return NotApplicable("the tenant has no authoritative custom domain")
    configs = {config.key: config for config in facts.all(DkimConfig)}
    each = {domain: _comparison(domain, configs.get(domain)) for domain in domains}
    steps = tuple(
        step for domain in domains if (step := _step(domain, configs.get(domain), wanted.profile.dkim.key_size))
    )
    seen = sum(each.values(), Comparison())
    if steps:
        mendable = {name for step in steps for name in step.mends}
        return Drifted(tuple(d for d in seen.drift if d.field in mendable), steps, equal=seen.equal)
    off = [configs[domain] for domain in domains if each[domain].drift]
    if off:
        return NeedsPerson(" ".join(map(_records, off)), seen.drift, seen.equal)
    return Compliant(equal=seen.equal)


def _comparison(domain: str, config: DkimConfig | None) -> Comparison:
    """Two fields, as there are two steps: that a configuration was made is proven before it signs."""
    if config is None:
        return compare(("Domain", domain, None)).of(domain)
    return compare(("Domain", domain, domain), ("Enabled", True, config.enabled)).of(domain)


def _step(domain: str, config: DkimConfig | None, key_size: int) -> Step | None:
    """The next step towards signing; None where there is none to take, or Microsoft still waits for the CNAMEs."""
    if config is None:
        made: dict[str, Value] = {"DomainName": domain, "KeySize": key_size, "Enabled": False}
        return Step("exchange", "New-DkimSigningConfig", made, (f"{domain}: Domain",))
    if not config.enabled and config.status == "Valid":
        switched: dict[str, Value] = {"Identity": config.domain, "Enabled": True}
        return Step("exchange", "Set-DkimSigningConfig", switched, (f"{domain}: Enabled",))
    return None


def _records(config: DkimConfig) -> str:
    """What to publish, or the state that Microsoft reports when it names no CNAMEs."""
    if not (config.selector1_cname and config.selector2_cname):
        return f"{config.domain}: Microsoft reports '{config.status}' and names no CNAMEs: see Defender portal > DKIM."
    pairs = ((1, config.selector1_cname), (2, config.selector2_cname))
    records = "; ".join(f"selector{n}._domainkey.{config.domain} CNAME {target}" for n, target in pairs)
    return f"{config.domain}: publish {records}; signing is switched on once Microsoft has seen them."


CONTROL = Control(
    id="dkim",
    title="DKIM signing with Microsoft's signature",
    guide='Send legitimate M365 Out of Office (OOF) Responses, step 3: "configure DKIM signing"',
    lane="slow",
    sees=(DkimConfig, AcceptedDomain),
    judge=_judge,
    by_hand="Defender portal > Policies & rules > Threat policies > DKIM: turn on signing for the domain.",
)
