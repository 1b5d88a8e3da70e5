import pytest

from domain.incident import SERVICE, Incident
from domain.ledger import ENTRY_ID
from tests.domain.builders import NOW


def test_an_incident_is_an_entry_of_the_services_own_ledger():
    entry = Incident("radius-1", "radius", "steps are held", "too many tenants").entry(NOW)
    assert (entry.tenant_id, entry.control, entry.event) == (SERVICE, "radius-1", "incident")
    assert entry.detail == "steps are held: too many tenants"
    assert ENTRY_ID.fullmatch(entry.id)


@pytest.mark.parametrize("name", ["", "Brake", "a/b", "x" * 41])
def test_an_id_that_no_ledger_entry_can_carry_is_refused(name):
    with pytest.raises(ValueError, match=r"^incident\.id"):
        Incident(name, "radius", "x", "y")
