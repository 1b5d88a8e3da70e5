"""What every control has from its frame, whatever its own judgement does."""

import pytest

from domain.control import Compliant, Control, NeedsPerson, NotApplicable, Unknown, shows
from domain.exchange import InboundConnector, OrganizationConfig
from domain.facts import Facts
from domain.findings import Inventory, found
from tests.domain.builders import failing, healthy, wanted


def looks_further(facts: Facts, _wanted: object) -> Compliant:
    facts.all(InboundConnector)
    return Compliant("as wanted")


def test_what_a_control_could_not_read_while_it_judged_is_unknown_with_the_remedy():
    control = Control("own", "An example", (OrganizationConfig,), looks_further, "Look at it.")
    found = control.find(Facts(failing(healthy(), "Get-InboundConnector")), wanted())
    assert found == Unknown("no answer", "grant it")


WAY = found("bypass", "own", "connector Backup", "198.51.100.66", "mail comes in")


@pytest.mark.parametrize(
    ("judgement", "there"),
    [
        (Compliant(findings=(WAY,)), True),
        (Unknown("no answer", findings=(WAY,)), True),
        (Compliant(), False),
        (NeedsPerson("look at it"), False),
        (NeedsPerson("look at it", unseen=("connector Backup",)), None),
        (Unknown("no answer"), None),
        (NotApplicable("no such part"), None),
    ],
)
def test_whether_a_finding_is_there_is_told_by_a_look_that_saw_where_it_was(judgement, there):
    assert shows(judgement, WAY) is there


def test_who_asks_whether_a_finding_is_there_forgets_that_it_is_removed():
    removed = Inventory(known={WAY.id: WAY}, begun=frozenset(WAY.sources)).without(WAY.id)
    assert (removed.answer(WAY), removed.leaving(WAY.id).answer(WAY)) == ("unwanted", "open")
