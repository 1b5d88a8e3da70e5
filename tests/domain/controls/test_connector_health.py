from domain.control import Drift, NeedsPerson, Unknown
from tests.domain.builders import healthy, judge


def test_a_blocked_connector_is_told():
    rows = healthy() | {"Get-BlockedConnector": [{"ConnectorId": "abc"}]}
    judgement = judge("connector-health", rows)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.drift == (Drift("abc: blocked", wanted=False, found=True),)


def test_a_row_that_names_no_connector_hides_none_that_is_named():
    odd = "Get-BlockedConnector returned an odd object: BlockedConnector.ConnectorId: Field required"
    rows = healthy() | {"Get-BlockedConnector": [{"Reason": "Outbound spam"}]}
    assert judge("connector-health", rows) == Unknown(odd)
    rows["Get-BlockedConnector"].append({"ConnectorId": "abc"})
    judgement = judge("connector-health", rows)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.todo.endswith(odd)
