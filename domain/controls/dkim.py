"""Mail of every custom domain carries Microsoft's DKIM signature.

Guide, OOF step 3: "configure DKIM signing to include Microsoft's signature". A configuration is made switched off, the
tenant then names its two CNAMEs, and signing is switched on when they are published
(docs/reference/exchange.md#dkim-signing): by us where the tenant's config names who hosts the zone, else by a person.
The CNAMEs are looked up also where Microsoft says that all is well: without them receivers find no key. Targets
are taken from the tenant only: two naming schemes live side by side and cannot be computed. An alias that leads
elsewhere may be a rotation under way, and is left to a person.

A configuration that is odd hides its own domain alone. While one does not say whose it is, no domain without a
configuration gets one: it may be that one's.
"""

from dataclasses import dataclass
from datetime import timedelta

from domain import normal
from domain.control import (
    Comparison,
    Control,
    Judgement,
    compare,
)
from domain.controls import per_domain
from domain.exchange import AcceptedDomain, DkimConfig
from domain.facts import Facts
from domain.mail import asking, dkim
from domain.mail.asking import Asked, Needs
from domain.mail.dkim import Dangling, Equal, InTheWay, Missing, Selector
from domain.profile import given
from domain.shown import quoted
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    configs = {config.key: config for config in facts.all(DkimConfig)}
    unread = facts.odd(DkimConfig)
    odd = {normal.domain(each.name): each.reason for each in unread}
    as_listed = {domain.key: domain.domain_name for domain in facts.all(AcceptedDomain)}
    anybodys = next((reason for name, reason in odd.items() if name not in as_listed), "")

    def look(name: str) -> per_domain.DomainJudgement:
        config = configs.get(name)
        if reason := odd.get(name) or ("" if config else anybodys):
            return asking.NoVerdict(reason)
        if config is None:
            return _made(name, as_listed[name], wanted)
        selectors = _looked_up(name, config, facts)
        if isinstance(selectors, Needs | asking.NoVerdict):
            return selectors
        if hidden := [each.state.reason for each in selectors if isinstance(each.state, asking.NoVerdict)]:
            return asking.NoVerdict("; ".join(hidden))
        ready = not config.enabled and _is_ready(config, selectors, facts)
        if not isinstance(ready, bool):
            return ready
        return _Signing(name, config, selectors).judged(facts, wanted, ready=ready)

    return per_domain.judge_each(per_domain.domains_of(facts), look, unread)


def _made(name: str, as_listed: str, wanted: Wanted) -> per_domain.OneDomain:
    """A domain without a signing configuration: it gets one, switched off, by the name that the tenant lists."""
    seen = compare(("Domain", name, None)).of(name)
    key_size = given(wanted.profile.dkim).key_size
    values: dict[str, Value] = {"DomainName": as_listed, "KeySize": key_size, "Enabled": False}
    return per_domain.OneDomain(seen, steps=(Step("exchange", "New-DkimSigningConfig", values, seen.fields),))


def _looked_up(domain: str, config: DkimConfig, facts: Facts) -> tuple[Selector, ...] | Needs | asking.NoVerdict:
    """Both selectors in DNS; none where the tenant does not name their targets, and says why or does not sign.

    Raises:
        ValueError: *domain* is no domain name.
    """
    if not (config.selector1_cname and config.selector2_cname):
        is_odd = config.enabled and config.status in {"", _VALID}
        return asking.NoVerdict("signing is on, and Get-DkimSigningConfig names no CNAMEs") if is_odd else ()
    targets, works = (config.selector1_cname, config.selector2_cname), config.enabled and config.status == _VALID
    return dkim.compare_cnames(domain, targets, facts.answers, keys=not works)


def _is_ready(config: DkimConfig, selectors: tuple[Selector, ...], facts: Facts) -> bool | Needs | asking.NoVerdict:
    """Whether signing may be switched on: both aliases are the tenant's, and Microsoft or the keys say that they work.

    One key is enough once Microsoft's resolvers have forgotten that an alias was not there: the other may come later.
    """
    keys = [isinstance(each.state, Equal) for each in selectors if isinstance(each.state, Equal | Dangling)]
    if not selectors or len(keys) < len(selectors):
        return False
    if config.status == _VALID or all(keys):
        return True
    return any(keys) and _is_forgotten(config, selectors[0].owner, facts)


def _is_forgotten(config: DkimConfig, owner: str, facts: Facts) -> bool | Needs | asking.NoVerdict:
    """Whether an absence that Microsoft saw when it last looked has run out (docs/reference/dns.md#dkim-timing)."""
    asked = Asked(facts.answers)
    shown, beside = asked.get(owner, "CNAME"), asked.get(dkim.beside(owner), "CNAME")
    if shown is None or beside is None:
        return asked.open or False
    checked = config.last_checked_at
    return checked is not None and shown.at - checked >= timedelta(seconds=beside.ttl_s)


@dataclass(frozen=True, slots=True)
class _Signing:
    """One domain: its signing configuration, and its two records where they were looked up."""

    name: str
    config: DkimConfig
    selectors: tuple[Selector, ...]

    def judged(self, facts: Facts, wanted: Wanted, *, ready: bool) -> per_domain.OneDomain:
        """*ready*: signing may be switched on."""
        steps = self._steps(facts, wanted, ready=ready)
        return per_domain.OneDomain(self._seen, "" if steps or not self._seen.drift else self._todo, steps=steps)

    @property
    def _seen(self) -> Comparison:
        """A field for each step there may be: that one was taken is proven before the next."""
        records = [(_field(each), each.target, _found(each)) for each in self.selectors]
        own = ("Domain", self.name, self.name), ("Enabled", True, self.config.enabled)
        status = [("Status", _VALID, self.config.status)] if self._signs_in_vain else []
        return compare(*own, *records, *status).of(self.name)

    @property
    def _signs_in_vain(self) -> bool:
        """Whether what is signed cannot be verified: both records are there or not even named, and no usable key.

        One key is enough. Where Microsoft says that signing works, the keys are not looked up and count as there.
        """
        return self.config.enabled and all(isinstance(each.state, Dangling) for each in self.selectors)

    def _steps(self, facts: Facts, wanted: Wanted, *, ready: bool) -> tuple[Step, ...]:
        """Towards signing: the records, then the switch."""
        if ready:
            switched: dict[str, Value] = {"Identity": self.config.domain, "Enabled": True}
            return (Step("exchange", "Set-DkimSigningConfig", switched, (f"{self.name}: Enabled",)),)
        missing = [each for each in self.selectors if isinstance(each.state, Missing)]
        changes = [(each, per_domain.published(each.owner, facts, wanted, each.target)) for each in missing]
        return tuple(change.step(f"{self.name}: {_field(each)}") for each, change in changes if change)

    @property
    def _todo(self) -> str:
        """What a person should do, where there is no step to take."""
        if not self.selectors:
            return f"{self.name}: Microsoft reports {quoted(self.config.status)} and names no CNAMEs: see {_PORTAL}."
        told = "; ".join(text for each in self.selectors if (text := _told(each)))
        if self._signs_in_vain:
            return f"{self.name}: signing is on, and receivers find no key for it: {told}: see {_PORTAL}."
        return f"{self.name}: {told}" + ("" if self.config.enabled else "; signing is switched on once they are there.")


_VALID = "Valid"
"""What Microsoft reports of a configuration of which it has seen both records."""

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
