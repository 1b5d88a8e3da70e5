from domain.control import Drift, NeedsPerson
from tests.domain.builders import healthy, judge


def test_a_blocked_connector_is_told():
    rows = healthy() | {"Get-BlockedConnector": [{"ConnectorId": "abc"}]}
    finding = judge("connector-health", rows)
    assert isinstance(finding, NeedsPerson)
    assert finding.drift == (Drift("abc: blocked", wanted=False, found=True),)
