from domain.control import Drift, NeedsPerson
from tests.domain.builders import healthy, judge


def test_a_blocked_connector_is_told():
    rows = healthy() | {"Get-BlockedConnector": [{"ConnectorId": "abc"}]}
    judgement = judge("connector-health", rows)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.drift == (Drift("abc: blocked", wanted=False, found=True),)
