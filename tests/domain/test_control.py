"""What every control has from its frame, whatever its own judgement does."""

from domain.control import Compliant, Control, Unknown
from domain.exchange import InboundConnector, OrganizationConfig
from domain.facts import Facts
from tests.domain.builders import failing, healthy, wanted


def looks_further(facts: Facts, _wanted: object) -> Compliant:
    facts.all(InboundConnector)
    return Compliant("as wanted")


def test_what_a_control_could_not_read_while_it_judged_is_unknown_with_the_remedy():
    control = Control("own", "An example", (OrganizationConfig,), looks_further, "Look at it.")
    found = control.find(Facts(failing(healthy(), "Get-InboundConnector")), wanted())
    assert found == Unknown("no answer", "grant it")
