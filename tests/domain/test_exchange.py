"""What Exchange lists, in every spelling that it prints for the same thing."""

from copy import deepcopy
from typing import Any

import pytest

from domain.control import Drifted
from domain.controls import CATALOGUE, KINDS
from domain.exchange import ContentFilter, InboundConnector, TransportRule
from domain.steps import digest
from tests.domain.builders import HEALTHY, example, judge

NOTHING: list[Any] = ["missing", None, [], "", [""], [None]]


def spellings(value: Any) -> list[Any]:
    """Every way to print *value*."""
    match value:
        case None | "" | []:
            return NOTHING
        case str():
            return [value, [value]]
        case [str() as one]:
            return [value, one]
        case _:
            return [value]


def spelled(row: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    others = {key: each for key, each in row.items() if key != name}
    return others if value == "missing" else others | {name: value}


def outcome(control, rows: Any) -> tuple[Any, str]:
    judgement = judge(control, rows)
    return judgement, digest(judgement.steps) if isinstance(judgement, Drifted) else ""


CASES = {
    f"{kind.__name__}.{name}": (kind, name)
    for kind in KINDS
    for name in {**example(kind), **{key: None for row in HEALTHY[kind.queries[0].cmdlet] for key in row}}
}


@pytest.mark.parametrize(("kind", "name"), CASES.values(), ids=list(CASES))
def test_each_spelling_of_the_same_value_gives_the_same_verdict_and_the_same_plan(kind, name):
    cmdlet = kind.queries[0].cmdlet
    for at, row in enumerate(HEALTHY[cmdlet] or [example(kind)]):
        for ways in (NOTHING, spellings(row.get(name))):
            told = []
            for value in ways:
                rows = deepcopy(HEALTHY)
                rows[cmdlet][at : at + 1] = [spelled(row, name, value)]
                told.append([outcome(control, rows) for control in CATALOGUE.values() if kind in control.sees])
            assert all(each == told[0] for each in told)


@pytest.mark.parametrize(
    "one", [[{"Sender": "a@partner.example"}], {"Sender": "a@partner.example"}, "a@partner.example"]
)
def test_an_allowed_sender_is_the_same_as_an_object_in_a_list_and_as_text(one):
    row = example(ContentFilter)
    assert ContentFilter.of(row | {"AllowedSenders": one}).allowed_senders == {"a@partner.example"}


def test_an_empty_scope_is_none_however_it_is_printed():
    for nothing in NOTHING[1:]:
        row = HEALTHY["Get-InboundConnector"][0] | {"AssociatedAcceptedDomains": nothing}
        assert InboundConnector.of(row).associated_accepted_domains == frozenset()


def test_a_rule_whose_type_is_printed_as_a_list_is_the_same_rule():
    row = HEALTHY["Get-TransportRule"][0]
    assert TransportRule.of(row | {"MessageTypeMatches": ["OOF"]}) == TransportRule.of(row)
    assert TransportRule.of(row | {"SetSCL": ["-1"]}).skips_filtering


@pytest.mark.parametrize("switch", ["RestrictDomainsToIPAddresses", "RestrictDomainsToCertificate"])
@pytest.mark.parametrize("nothing", NOTHING)
def test_a_switch_that_is_not_printed_is_never_taken_for_off(nothing, switch):
    row = spelled(HEALTHY["Get-InboundConnector"][0], switch, nothing)
    with pytest.raises(ValueError, match="Field required"):
        InboundConnector.of(row)
