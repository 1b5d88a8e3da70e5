"""Whether an examined SPF record does what the guide's record does.

Source: docs/reference/dns.md#spf-all, #spf-comparison.

Compared by meaning: order, case and what a tenant has besides do not matter. What a tenant has besides is listed.
"""

from dataclasses import dataclass

from domain.mail import names
from domain.mail.spf.record import Record
from domain.mail.spf.terms import Mechanism, Term
from domain.mail.spf.tree import Examined, Reached


@dataclass(frozen=True, slots=True)
class Ok:
    """Every required include passes, and the record ends in `-all`.

    *extras*: the tenant's other terms, as written. *indirect*: required includes that stand behind another name.
    """

    extras: tuple[str, ...] = ()
    indirect: tuple[Reached, ...] = ()


@dataclass(frozen=True, slots=True)
class Advisory:
    """As Ok, but it ends in `~all`: accepted, told, and never tightened."""

    reason: str
    extras: tuple[str, ...] = ()
    indirect: tuple[Reached, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """One readable record, without the pass of these required *includes*."""

    includes: tuple[str, ...]
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoRecord:
    """The domain has none."""


@dataclass(frozen=True, slots=True)
class Parked:
    """`v=spf1 -all`: the domain says that it sends nothing. A parked domain never gets the includes."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Receivers cannot use the record, or it does not end as documented: a person decides."""

    reason: str


_MOST_REASONS = 3

type Verdict = Ok | Advisory | Missing | NoRecord | Parked | Broken


def compare(examined: Examined, required: tuple[str, ...]) -> Verdict:
    """Judge *examined* against the *required* include targets.

    Raises:
        ValueError: Nothing is required, which would make everything fine, or a target is no domain name.
    """
    wanted = targets(required)
    if not examined.found:
        return NoRecord()
    if examined.record is None or examined.errors:
        return Broken(_reasons(examined))
    if is_parked(examined.record):
        return Parked()
    if examined.ending not in {"-", "~", "dynamic"}:
        return Broken(f"{examined.domain}: {_loose(examined)}")
    return _matched(examined, examined.record, wanted)


def targets(required: tuple[str, ...]) -> tuple[str, ...]:
    """The *required* include targets in one spelling.

    Raises:
        ValueError: There is none, or one is no domain name.
    """
    if not required:
        raise ValueError("required includes: should name at least one")
    return tuple(dict.fromkeys(names.to_ascii(target) for target in required))


def is_parked(record: Record) -> bool:
    """Whether the only mechanism is `-all`."""
    return [(term.kind, term.qualifier) for term in record.mechanisms] == [("all", "-")]


def _reasons(examined: Examined) -> str:
    """The first errors in words; a record made to be looked at could have dozens."""
    told = [f"{error.where}: {error.detail} ({error.source})" for error in examined.errors]
    more = [f"and {len(told) - _MOST_REASONS} more"] if len(told) > _MOST_REASONS else []
    return "; ".join(told[:_MOST_REASONS] + more)


def _loose(examined: Examined) -> str:
    if examined.ending == "none":
        return "no 'all' ends the record, so that unknown senders are neutral"
    return f"the record ends in '{examined.ending}all', so that anyone may send"


def _matched(examined: Examined, record: Record, wanted: tuple[str, ...]) -> Verdict:
    direct = {reached.target for reached in examined.reached if not reached.via}
    behind = {reached.target: reached for reached in reversed(examined.reached) if reached.via}
    extras = tuple(term.text for term in record.terms if not _documented(term, examined.domain, wanted))
    if missing := tuple(target for target in wanted if target not in direct | behind.keys()):
        return Missing(missing, extras)
    indirect = tuple(behind[target] for target in wanted if target not in direct)
    if examined.ending == "-":
        return Ok(extras, indirect)
    return Advisory(_mild(examined), extras, indirect)


def _mild(examined: Examined) -> str:
    if examined.ending == "~":
        return "ends in '~all'; the documented record ends in '-all'"
    return "ends in a redirect that depends on the message; the documented record ends in '-all'"


def _documented(term: Term, domain: str, wanted: tuple[str, ...]) -> bool:
    if not isinstance(term, Mechanism):
        return False
    return term.kind == "all" or (term.kind == "include" and term.host(domain) in wanted)
