"""The way out: the steps that make every connector take mail of any sender again, whoever made it.

A person asks for this when the lock stops a company's mail. Each connector keeps its addresses and its certificate;
only what makes it refuse others is switched off. Source: docs/reference/exchange.md#inbound-connectors.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from domain.control import Drift, Drifted
from domain.controls import service_connectors
from domain.controls.inbound_lockdown import looks_ours, of_another
from domain.corrections import LOST_PATIENCE
from domain.effects import landed
from domain.exchange import InboundConnector
from domain.exemption import Exemption
from domain.facts import DoubtError, Facts
from domain.findings import Finding
from domain.ledger import Entry, LedgerEvent
from domain.moments import to_the_second
from domain.reading import Row
from domain.steps import ShownStep, Step, Value
from domain.tenant import Wanted

_PROOF_OF: Mapping[LedgerEvent, LedgerEvent] = MappingProxyType({"corrected": "applying", "undone": "undoing"})
"""By the event that proves a write of ours, the one that had announced it."""

WRITES: tuple[LedgerEvent, ...] = (*_PROOF_OF, *_PROOF_OF.values())
"""The events that tell of writes of ours."""


@dataclass(frozen=True, slots=True)
class PendingClose:
    """What we have lately written, or may have, that a look need not show.

    *connectors*: those that do not restrict as read, and would once all of it has landed. *last_at*: until when some of
    it that was not proven may land and close; None where none would. *shows_by*: when all of it has landed, or never
    will.
    """

    connectors: tuple[InboundConnector, ...] = ()
    last_at: datetime | None = None
    shows_by: datetime | None = None


def closing(entries: Iterable[Entry], facts: Facts, asked_at: datetime, now: datetime) -> PendingClose:
    """What may still close, by the ledger's *entries* of WRITES, oldest first, whichever control they are of.

    Replicas lag behind writes that were answered, and a write whose answer was lost may land until LOST_PATIENCE is
    over. A proof from after *asked_at* does not count: what it saw may have landed after the connectors were loosened.

    Raises:
        DoubtError: The connectors were not read, or what they would be is unclear.
    """
    told = list(entries)
    proofs = [each for each in told if each.event in _PROOF_OF and each.at < asked_at]
    announced = [each for each in told if each.event not in _PROOF_OF and now < each.at + LOST_PATIENCE]
    written = [(each, step) for each in announced for step in each.steps if step.cmdlet in _CMDLETS]
    unproven = [(each, step) for each, step in written if not any(_proves(one, each, step) for one in proofs)]
    rows = facts.rows(InboundConnector)
    locking = {each.key for each in facts.all(InboundConnector) if each.locks}
    loose = [{**row, **_OPEN} for row in rows]

    def coming(steps: Iterable[ShownStep]) -> tuple[InboundConnector, ...]:
        return tuple(each for each in _locking_after(steps, rows) if each.key not in locking)

    def may_close(*steps: ShownStep) -> bool:
        # As read too: a lock that was switched off closes by being enabled, until the loosening shows.
        return bool(coming(steps) or _locking_after(steps, loose))

    together = may_close(*(step for _, step in unproven))
    ends = [each.at + LOST_PATIENCE for each, step in unproven if together or may_close(step)]
    shows = [each.at + LOST_PATIENCE for each, _ in written]
    return PendingClose(coming(step for _, step in written), max(ends, default=None), max(shows, default=None))


_CMDLETS = InboundConnector.writing.cmdlets if InboundConnector.writing else ()
_OPEN = {"RestrictDomainsToIPAddresses": False, "RestrictDomainsToCertificate": False}


def _proves(proof: Entry, announced: Entry, step: ShownStep) -> bool:
    about = announced.id if announced.event == "applying" else announced.of
    whole = proof.event == "undone" or any(each.key == step.key for each in proof.steps)
    return _PROOF_OF[proof.event] == announced.event and proof.of == about and whole


def _locking_after(steps: Iterable[ShownStep], rows: Sequence[Row]) -> list[InboundConnector]:
    taken = [Step(each.service, each.cmdlet, each.parameters) for each in steps]
    try:
        connectors = map(InboundConnector.of, landed(taken, rows))
        return [each for each in connectors if each.locks]
    except ValueError as odd:
        raise DoubtError(f"what was written lately makes an odd connector: {odd}") from None


def opening(facts: Facts, coming: Iterable[InboundConnector] = ()) -> Drifted | None:
    """What loosens every restricting connector, and those *coming*; None where there is none.

    Raises:
        DoubtError: The connectors were not read.
    """
    locking = [connector for connector in facts.all(InboundConnector) if connector.locks]
    steps = tuple(_loosened(connector) for connector in (*locking, *coming))
    drift = tuple(Drift(each, wanted=False, found=True) for step in steps for each in step.mends)
    return Drifted(drift, steps) if steps else None


def _loosened(connector: InboundConnector) -> Step:
    fields = _set(connector)
    values: dict[str, Value] = {"Identity": connector.identity, **dict.fromkeys(fields, False)}
    mends = tuple(f"{connector.identity}: {name}" for name in fields)
    return Step("exchange", "Set-InboundConnector", values, mends)


def _set(connector: InboundConnector) -> tuple[str, ...]:
    return tuple(name for name, is_set in connector.restrictions.items() if is_set)


def stays_open(until: datetime, held: Mapping[str, Exemption]) -> str:
    """That an opening which ends at *until* is not closed then, and when it is; empty where it is.

    *held*: by control, what keeps it from closing anything, which may be an exception that ends later.
    """
    later = [f"{control} until {to_the_second(each.until)}" for control, each in held.items() if each.until > until]
    return f"NOT put back at {to_the_second(until)}, as an exception lasts longer: {', '.join(later)}" if later else ""


def of_declared(facts: Facts, wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """By connector, what restricts on declared ones: the usual road puts it back when the lock is no longer open."""
    locking = (each for each in facts.all(InboundConnector) if each.locks)
    return {each.key: _set(each) for each in locking if service_connectors.is_declared(each, wanted)}


def of_others(facts: Facts, wanted: Wanted) -> tuple[Finding, ...]:
    """The restricting connectors that nothing of ours closes again: a person does, by the step in the finding."""
    return tuple(
        _finding(each)
        for each in facts.all(InboundConnector)
        if each.locks and not service_connectors.is_declared(each, wanted) and not looks_ours(each, wanted)
    )


def _finding(connector: InboundConnector) -> Finding:
    closing: dict[str, Value] = dict.fromkeys(_set(connector), True)
    again = Step("exchange", "Set-InboundConnector", {"Identity": connector.identity, **closing}).powershell
    lets_in = f"it refused mail of others until a person had it loosened; to close it again: {again}"
    return of_another(connector, lets_in)
