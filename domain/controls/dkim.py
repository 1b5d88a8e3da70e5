"""Mail of every custom domain carries Microsoft's DKIM signature.

Guide, OOF step 3: "configure DKIM signing to include Microsoft's signature". A configuration is made switched off, the
tenant then names its two CNAMEs, and signing is switched on when they are published (exchange-admin-api 6.6).
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
from domain.mail import dkim
from domain.mail.asking import Needs
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding | Needs:
    domains = listed(d.key for d in facts.all(AcceptedDomain) if d.in_scope)
    if not domains:
        return NotApplicable("the tenant has no authoritative custom domain")
    configs = {config.key: config for config in facts.all(DkimConfig)}
    published = {domain: _published(domain, configs.get(domain), facts) for domain in domains}
    if questions := tuple(q for each in published.values() if isinstance(each, Needs) for q in each.questions):
        return Needs(tuple(dict.fromkeys(questions)))
    steps = tuple(
        step
        for domain in domains
        if (step := _step(domain, configs.get(domain), published[domain] is True, wanted.profile.dkim.key_size))
    )
    seen = sum((_comparison(domain, configs.get(domain)) for domain in domains), Comparison())
    if steps:
        mendable = {name for step in steps for name in step.mends}
        return Drifted(tuple(d for d in seen.drift if d.field in mendable), steps, equal=seen.equal)
    off = [configs[domain] for domain in domains if _comparison(domain, configs[domain]).drift]
    return NeedsPerson(" ".join(map(_records, off)), seen.drift, seen.equal) if off else Compliant(equal=seen.equal)


def _published(domain: str, config: DkimConfig | None, facts: Facts) -> bool | Needs:
    """Whether the CNAMEs that the tenant names are there: Microsoft says so, or DNS does. Unclear is not there."""
    if config is None or config.enabled or not (config.selector1_cname and config.selector2_cname):
        return False
    if config.status == "Valid":
        return True
    try:
        found = dkim.compare(domain, (config.selector1_cname, config.selector2_cname), facts.answers)
    except ValueError:  # what Exchange lists is no domain name
        return False
    return found if isinstance(found, Needs) else all(isinstance(each.state, dkim.Equal) for each in found)


def _comparison(domain: str, config: DkimConfig | None) -> Comparison:
    """Two fields, as there are two steps: that a configuration was made is proven before it signs."""
    if config is None:
        return compare(("Domain", domain, None)).of(domain)
    return compare(("Domain", domain, domain), ("Enabled", True, config.enabled)).of(domain)


def _step(domain: str, config: DkimConfig | None, published: bool, key_size: int) -> Step | None:  # noqa: FBT001
    """The next step towards signing; None where there is none to take, or the CNAMEs are not there yet."""
    if config is None:
        made: dict[str, Value] = {"DomainName": domain, "KeySize": key_size, "Enabled": False}
        return Step("exchange", "New-DkimSigningConfig", made, (f"{domain}: Domain",))
    if published:
        switched: dict[str, Value] = {"Identity": config.domain, "Enabled": True}
        return Step("exchange", "Set-DkimSigningConfig", switched, (f"{domain}: Enabled",))
    return None


def _records(config: DkimConfig) -> str:
    """What to publish, or the state that Microsoft reports when it names no CNAMEs."""
    if not (config.selector1_cname and config.selector2_cname):
        return f"{config.domain}: Microsoft reports '{config.status}' and names no CNAMEs: see Defender portal > DKIM."
    pairs = ((1, config.selector1_cname), (2, config.selector2_cname))
    records = "; ".join(f"selector{n}._domainkey.{config.domain} CNAME {target}" for n, target in pairs)
    return f"{config.domain}: publish {records}; signing is switched on once they are there."


CONTROL = Control(
    id="dkim",
    title="DKIM signing with Microsoft's signature",
    guide='Send legitimate M365 Out of Office (OOF) Responses, step 3: "configure DKIM signing"',
    lane="slow",
    sees=(DkimConfig, AcceptedDomain),
    judge=_judge,
    asks_dns=True,
    by_hand="Defender portal > Policies & rules > Threat policies > DKIM: turn on signing for the domain.",
)
