"""Whether an SPF record does what the guide's record does, by its text and by outcome.

By text (docs/reference/dns.md#spf-comparison): one readable record with every required include, ended by `-all`, that
lets no more of the Internet pass besides than can be a tenant's own; order and case do not matter. By outcome
(`check_host` of RFC 7208): mail of the required includes passes, mail of strangers does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses

from domain.mail import names
from domain.mail.answers import DnsAnswers
from domain.mail.asking import Needs, NoVerdict
from domain.mail.spf.check import Result, check_host
from domain.mail.spf.macros import Address, CheckedMessage
from domain.mail.spf.record import Record
from domain.mail.spf.tree import AddressGrant, Examined, examine
from domain.shown import quoted

STRANGERS = tuple(map(IPv4Address, ("192.0.2.1", "198.51.100.1", "203.0.113.1")))
"""Addresses of documentation networks (RFC 5737): no mail comes from them."""

WIDEST_PREFIX = 12
MOST_PREFIX = 10
"""What a tenant may let pass besides the required includes: no network wider than a /12, and of each family no more
addresses than a /10 has (IPv4: 4,194,304). A large sender's own include has several /16 and stays far below."""


@dataclass(frozen=True, slots=True)
class Ok:
    """Every required include passes, strangers do not, and the record ends in `-all` or in `~all`."""


@dataclass(frozen=True, slots=True)
class MissingIncludes:
    """One readable record, without the pass of these required *includes*."""

    includes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoRecord:
    """The domain has no SPF record."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Receivers cannot use the record, or it does not do what is documented: a person decides."""

    reason: str


_MOST_REASONS = 3

type Verdict = Ok | MissingIncludes | NoRecord | Broken


@dataclass(frozen=True, slots=True)
class SpfJudgement:
    """A tree, and what it is worth."""

    examined: Examined
    verdict: Verdict


def judge(domain: str, answers: DnsAnswers, required: tuple[str, ...]) -> SpfJudgement | Needs | NoVerdict:
    """Judge the SPF record of *domain* against the *required* include targets.

    Raises:
        ValueError: *domain* is no domain name, nothing is required (all would be fine), or a target is no domain name.
    """
    wanted, examined = targets(required), examine(domain, answers)
    if not isinstance(examined, Examined):
        return examined
    verdict = _by_text(examined, wanted) or _by_outcome(examined, answers, wanted)
    return verdict if isinstance(verdict, Needs | NoVerdict) else SpfJudgement(examined, verdict)


def _by_text(examined: Examined, wanted: tuple[str, ...]) -> NoRecord | Broken | None:
    """What the text of the record, and of those it leads to, decides."""
    if not examined.found:
        return NoRecord()
    if examined.record is None or examined.errors:
        return Broken(_reasons(examined))
    if _is_parked(examined.record):
        return Broken("'-all' comes first: a domain that says it sends nothing never gets the includes")
    reason = _loose(examined) or _opaque(examined) or _too_much(examined, wanted)
    return Broken(f"{examined.domain}: {reason}") if reason else None


def _by_outcome(examined: Examined, answers: DnsAnswers, wanted: tuple[str, ...]) -> Verdict | Needs | NoVerdict:
    """What becomes of mail: of strangers', and of the required includes'."""
    outcomes = _outcomes(STRANGERS, examined.domain, answers)
    if not isinstance(outcomes, dict):
        return outcomes
    if passing := [str(address) for address, result in outcomes.items() if result == "pass"]:
        return Broken(f"{examined.domain}: mail of strangers passes (tried: {', '.join(passing)})")
    if missing := tuple(target for target in wanted if target not in examined.reached):
        return MissingIncludes(missing)
    return _of_includes(examined, answers, wanted)


def targets(required: tuple[str, ...]) -> tuple[str, ...]:
    """The *required* include targets in one spelling.

    Raises:
        ValueError: There is none, or one is no domain name.
    """
    if not required:
        raise ValueError("required includes: should name at least one")
    return tuple(dict.fromkeys(names.to_ascii(target) for target in required))


def _is_parked(record: Record) -> bool:
    """Whether `-all` is the first mechanism, so that no message passes."""
    first = next(iter(record.mechanisms), None)
    return first is not None and (first.kind, first.qualifier) == ("all", "-")


def _reasons(examined: Examined) -> str:
    """The first errors in words; a record made to be looked at could have dozens."""
    told = [f"{error.where}: {error.detail} ({error.source})" for error in examined.errors]
    more = [f"and {len(told) - _MOST_REASONS} more"] if len(told) > _MOST_REASONS else []
    return "; ".join(told[:_MOST_REASONS] + more)


def _loose(examined: Examined) -> str:
    if examined.ending in {"-", "~", "dynamic"}:
        return ""
    if examined.ending == "none":
        return "no 'all' ends the record, so that unknown senders are neutral"
    return f"the record ends in '{examined.ending}all', so that anyone may send"


def _opaque(examined: Examined) -> str:
    """What only the domain's own zone decides, message by message: whom it lets pass cannot be seen."""
    own = (grant for grant in examined.grants if names.is_under(grant.path[-1], examined.domain))
    return next((f"whom {_shown(grant)} lets pass cannot be seen" for grant in own if grant.term.kind == "exists"), "")


def _too_much(examined: Examined, wanted: tuple[str, ...]) -> str:
    """Whether what passes besides the required includes is too much of the Internet."""
    wide = _width(examined, wanted)
    if wide.grants:
        return f"{_shown(wide.grants[0])} lets a network wider than a /{WIDEST_PREFIX} pass"
    return f"what it names besides lets more addresses pass than a /{MOST_PREFIX} has" if wide.too_many else ""


@dataclass(frozen=True, slots=True)
class Width:
    """How much passes besides the required includes.

    *grants*: those that let a network wider than WIDEST_PREFIX pass. *too_many*: whether all of them together let more
    pass than MOST_PREFIX has. *addresses*: how many of IPv4, each counted once.
    """

    grants: tuple[AddressGrant, ...]
    too_many: bool
    addresses: int


def width(domain: str, answers: DnsAnswers, required: tuple[str, ...]) -> Width | Needs | NoVerdict:
    """How much the record of *domain* lets pass besides the *required* include targets; nothing where there is none.

    Raises:
        ValueError: As `judge`.
    """
    wanted, examined = targets(required), examine(domain, answers)
    return _width(examined, wanted) if isinstance(examined, Examined) else examined


def _width(examined: Examined, wanted: tuple[str, ...]) -> Width:
    besides = [grant for grant in examined.grants if not set(wanted) & set(grant.path)]
    networks = [network for grant in besides for network in grant.networks]
    four = sum(e.num_addresses for e in collapse_addresses(n for n in networks if isinstance(n, IPv4Network)))
    six = sum(e.num_addresses for e in collapse_addresses(n for n in networks if isinstance(n, IPv6Network)))
    return Width(
        tuple(grant for grant in besides if grant.term.widest < WIDEST_PREFIX),
        four > 1 << 32 - MOST_PREFIX or six > 1 << 128 - MOST_PREFIX,
        1 << 32 if any(grant.term.kind == "all" for grant in besides) else four,
    )


def _shown(grant: AddressGrant) -> str:
    """The term, and the domain of its record where that is another domain's."""
    place = f" in the record of {grant.path[-1]}" if len(grant.path) > 1 else ""
    return f"{quoted(grant.term.text, 80)}{place}"


def _of_includes(examined: Examined, answers: DnsAnswers, wanted: tuple[str, ...]) -> Ok | Broken | Needs | NoVerdict:
    """Whether mail of each required include passes."""
    for target in wanted:
        outcomes = _outcomes(_samples(examined, target), examined.domain, answers)
        if not isinstance(outcomes, dict):
            return outcomes
        refused = {address: result for address, result in outcomes.items() if result != "pass"}
        theirs = _outcomes(refused, target, answers)  # what the include itself refuses is no sample of it
        if not isinstance(theirs, dict):
            return theirs
        for address, result in refused.items():
            if theirs[address] == "pass":
                reason = f"mail of include:{target} does not pass: {address} is '{result}' by what stands before"
                return Broken(f"{examined.domain}: {reason}")
        if len(refused) == len(outcomes):
            return Broken(f"{examined.domain}: include:{target} lets no address pass that could be tried")
    return Ok()


def _samples(examined: Examined, target: str) -> tuple[Address, ...]:
    """An address of each network that *target* lets pass; of IPv6 only where there is no IPv4."""
    networks = [network for grant in examined.grants if target in grant.path for network in grant.networks]
    four = [network for network in networks if isinstance(network, IPv4Network)]
    return tuple(network[0] for network in four or networks)


def _outcomes(
    addresses: Iterable[Address], domain: str, answers: DnsAnswers
) -> dict[Address, Result] | Needs | NoVerdict:
    """What the record of *domain* says of mail from each of *addresses*."""
    found: dict[Address, Result] = {}
    needs: dict[Needs, None] = {}
    for address in addresses:
        outcome = check_host(CheckedMessage(address, f"postmaster@{domain}", domain), domain, answers)
        if isinstance(outcome, NoVerdict):
            return outcome
        if isinstance(outcome, Needs):
            needs[outcome] = None
        else:
            found[address] = outcome
    questions = dict.fromkeys(question for each in needs for question in each.questions)
    return Needs(tuple(questions)) if questions else found
