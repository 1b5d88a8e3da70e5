"""Mail of every custom domain carries Microsoft's DKIM signature.

Guide, OOF step 3: "configure DKIM signing to include Microsoft's signature". A configuration is made switched off, the
tenant then names its two CNAMEs, and signing is switched on when they are published: by us
where the tenant's config names who hosts the zone, else by a person. Where signing is on and Microsoft no longer sees
them they are looked for as well. Targets are taken from the tenant only: two naming schemes live side by side and
cannot be computed. An alias that leads elsewhere may be a rotation under way, and is left to a person.
"""

from dataclasses import dataclass

from domain.control import (
    Comparison,
    Compliant,
    Control,
    Drifted,
    Facts,
    Finding,
    NeedsPerson,
    NotApplicable,
    Unknown,
    compare,
    listed,
)
from domain.controls import per_domain
from domain.exchange import AcceptedDomain, DkimConfig
from domain.mail import asking, dkim
from domain.mail.asking import Needs
from domain.mail.dkim import SELECTORS, Dangling, Equal, InTheWay, Missing, Selector
from domain.profile import given
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding | Needs:
    domains = listed(d.key for d in facts.all(AcceptedDomain) if d.in_scope)
    if not domains:
        return NotApplicable("the tenant has no authoritative custom domain")
    configs = {config.key: config for config in facts.all(DkimConfig)}
    looked = {domain: _looked_up(domain, configs.get(domain), facts) for domain in domains}
    if questions := tuple(q for each in looked.values() if isinstance(each, Needs) for q in each.questions):
        return Needs(tuple(dict.fromkeys(questions)))
    judged = [_Domain(name, configs.get(name), each) for name, each in looked.items() if not isinstance(each, Needs)]
    if hidden := [reason for each in judged for reason in each.hidden]:
        return Unknown("; ".join(hidden))
    seen = sum((each.seen for each in judged), Comparison())
    todo = " ".join(text for each in judged for text in each.todo(facts, wanted))
    if steps := tuple(step for each in judged for step in each.steps(facts, wanted)):
        mendable = {name for step in steps for name in step.mends}
        return Drifted(tuple(d for d in seen.drift if d.field in mendable), steps, todo, seen.equal)
    return NeedsPerson(todo, seen.drift, seen.equal) if seen.drift else Compliant(equal=seen.equal)


def _looked_up(domain: str, config: DkimConfig | None, facts: Facts) -> tuple[Selector, ...] | Needs:
    """Both selectors in DNS, where the tenant names their targets and Microsoft does not say that all is well."""
    if config is None or (config.enabled and config.status == "Valid"):
        return ()
    if not (config.selector1_cname and config.selector2_cname):
        return ()
    try:
        return dkim.compare(domain, (config.selector1_cname, config.selector2_cname), facts.answers)
    except ValueError as odd:  # what Exchange lists is no domain name
        return tuple(Selector(name, "", asking.Unknown(str(odd))) for name in SELECTORS)


@dataclass(frozen=True, slots=True)
class _Domain:
    """One domain: its signing configuration, and its two records where they were looked up."""

    name: str
    config: DkimConfig | None
    selectors: tuple[Selector, ...]

    @property
    def hidden(self) -> list[str]:
        return [
            f"{self.name}: {each.state.reason}" for each in self.selectors if isinstance(each.state, asking.Unknown)
        ]

    @property
    def seen(self) -> Comparison:
        """A field for each step there may be: that one was taken is proven before the next."""
        if self.config is None:
            return compare(("Domain", self.name, None)).of(self.name)
        records = [(_field(each), each.target, _found(each)) for each in self.selectors]
        own = ("Domain", self.name, self.name), ("Enabled", True, self.config.enabled)
        return compare(*own, *records).of(self.name)

    def steps(self, facts: Facts, wanted: Wanted) -> tuple[Step, ...]:
        """Towards signing: the configuration, then the records, then the switch."""
        if self.config is None:
            made: dict[str, Value] = {
                "DomainName": self.name,
                "KeySize": given(wanted.profile.dkim).key_size,
                "Enabled": False,
            }
            return (Step("exchange", "New-DkimSigningConfig", made, (f"{self.name}: Domain",)),)
        if self._published and not self.config.enabled:
            switched: dict[str, Value] = {"Identity": self.config.domain, "Enabled": True}
            return (Step("exchange", "Set-DkimSigningConfig", switched, (f"{self.name}: Enabled",)),)
        changes = [(each, per_domain.published(each.owner, facts, wanted, each.target)) for each in self._missing]
        return tuple(change.step(f"{self.name}: {_field(each)}") for each, change in changes if change)

    @property
    def _missing(self) -> list[Selector]:
        return [each for each in self.selectors if isinstance(each.state, Missing)]

    @property
    def _published(self) -> bool:
        """Whether receivers find both keys: DNS shows them, or DNS shows the aliases and Microsoft says so."""
        ready = (Equal, Dangling) if self.config and self.config.status == "Valid" else (Equal,)
        return bool(self.selectors) and all(isinstance(each.state, ready) for each in self.selectors)

    def todo(self, facts: Facts, wanted: Wanted) -> list[str]:
        """What a person should do, where there is no step to take."""
        if not self.seen.drift or self.steps(facts, wanted) or self.config is None:
            return []
        if not self.selectors:
            return [f"{self.name}: Microsoft reports '{self.config.status}' and names no CNAMEs: see {_PORTAL}."]
        told = [text for each in self.selectors if (text := _told(each))]
        return [f"{self.name}: {'; '.join(told)}; signing is switched on once they are there."]


_PORTAL = "Defender portal > DKIM"


def _field(selector: Selector) -> str:
    return f"{selector.owner.partition('.')[0]} CNAME"


def _found(selector: Selector) -> str | None:
    match selector.state:
        case Equal() | Dangling():
            return selector.target
        case InTheWay(found=found):
            return ", ".join(found)
        case _:
            return None


def _told(selector: Selector) -> str:
    match selector.state:
        case Missing():
            return f"publish {selector.owner} CNAME {selector.target}"
        case InTheWay(type=kind):
            return f"publish {selector.owner} CNAME {selector.target} in place of the {kind} record there"
        case Dangling(reason=reason):
            return reason
        case _:
            return ""


CONTROL = Control(
    id="dkim",
    title="DKIM signing with Microsoft's signature",
    about=(DkimConfig, AcceptedDomain),
    parts=("dkim",),
    judge=_judge,
    asks_dns=True,
    by_hand="Defender portal > Policies & rules > Threat policies > DKIM: turn on signing for the domain.",
)
