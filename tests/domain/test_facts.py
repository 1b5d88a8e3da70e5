"""What was read, as objects: odd rows are a doubt, hide their own object, or are left out where that is asked for."""

import pytest

from domain.exchange import DkimConfig, InboundConnector
from domain.facts import DoubtError, Facts
from tests.domain.builders import failing, healthy, reading

CONNECTORS, CONFIGS = "Get-InboundConnector", "Get-DkimSigningConfig"


def with_an_odd(cmdlet):
    rows = healthy()
    return Facts(reading(rows | {cmdlet: [*rows[cmdlet], {"Domain": "odd.example"}]}))


def test_an_odd_row_is_a_doubt_of_a_kind_whose_rows_decide_about_each_other():
    facts = with_an_odd(CONNECTORS)
    with pytest.raises(DoubtError, match="Get-InboundConnector returned an odd object"):
        facts.all(InboundConnector)
    assert (facts.known(InboundConnector), facts.odd(InboundConnector)) == ((), ())


def test_it_hides_its_own_object_alone_of_a_kind_that_is_judged_object_by_object():
    facts = with_an_odd(CONFIGS)
    assert facts.all(DkimConfig) == Facts(reading(healthy())).all(DkimConfig)
    assert [each.name for each in facts.odd(DkimConfig)] == ["odd.example"]


def test_it_is_left_out_where_that_is_asked_for_and_stays_a_doubt_elsewhere():
    facts = with_an_odd(CONNECTORS)
    assert facts.readable([InboundConnector]).all(InboundConnector) == Facts(reading(healthy())).all(InboundConnector)
    assert len([*facts.doubts([InboundConnector])]) == 1


def test_what_could_not_be_read_has_no_odd_rows_and_stays_a_doubt_for_everybody():
    facts = Facts(failing(healthy(), CONFIGS))
    assert facts.odd(DkimConfig) == ()
    with pytest.raises(DoubtError):
        facts.readable([DkimConfig]).all(DkimConfig)
