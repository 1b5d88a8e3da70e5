"""The way out: the steps that make every connector take mail of any sender again, whoever made it.

A person asks for this when the lock stops a company's mail. Each connector keeps its addresses and its certificate;
only what makes it refuse others is switched off. Source: docs/reference/exchange.md#inbound-connectors.
"""

from domain.control import Drift, Drifted
from domain.controls import service_connectors
from domain.controls.inbound_lockdown import looks_ours, of_another
from domain.exchange import InboundConnector
from domain.facts import Facts
from domain.findings import Finding
from domain.steps import Step, Value
from domain.tenant import Wanted


def opening(facts: Facts) -> Drifted | None:
    """What loosens every restricting connector; None where none restricts.

    Raises:
        DoubtError: The connectors were not read.
    """
    locking = [connector for connector in facts.all(InboundConnector) if connector.locks]
    steps = tuple(_loosened(connector) for connector in locking)
    drift = tuple(Drift(each, wanted=False, found=True) for step in steps for each in step.mends)
    return Drifted(drift, steps) if steps else None


def _loosened(connector: InboundConnector) -> Step:
    fields = _set(connector)
    values: dict[str, Value] = {"Identity": connector.identity, **dict.fromkeys(fields, False)}
    mends = tuple(f"{connector.identity}: {name}" for name in fields)
    return Step("exchange", "Set-InboundConnector", values, mends)


def _set(connector: InboundConnector) -> tuple[str, ...]:
    return tuple(name for name, is_set in connector.restrictions.items() if is_set)


def of_declared(facts: Facts, wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """By connector, what restricts on declared ones: the usual road puts it back when the lock is no longer open."""
    locking = (each for each in facts.all(InboundConnector) if each.locks)
    return {each.key: _set(each) for each in locking if service_connectors.is_declared(each, wanted.tenant)}


def of_others(facts: Facts, wanted: Wanted) -> tuple[Finding, ...]:
    """The restricting connectors that nothing of ours closes again: a person does, by the step in the finding."""
    return tuple(
        _finding(each)
        for each in facts.all(InboundConnector)
        if each.locks and not service_connectors.is_declared(each, wanted.tenant) and not looks_ours(each, wanted)
    )


def _finding(connector: InboundConnector) -> Finding:
    closing: dict[str, Value] = dict.fromkeys(_set(connector), True)
    again = Step("exchange", "Set-InboundConnector", {"Identity": connector.identity, **closing}).powershell
    lets_in = f"it refused mail of others until a person had it loosened; to close it again: {again}"
    return of_another(connector, lets_in)
