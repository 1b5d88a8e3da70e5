import pytest

from domain.control import NeedsPerson
from domain.mail.answers import Mx, Present, Question
from tests.domain.builders import NOW, healthy, judge

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


MICROSOFT = Present((Mx(0, "northwindlegal-example.mail.protection.outlook.com"),), 300, NOW)


def unlocked():
    rows = healthy()
    rows["Get-InboundConnector"][0]["Enabled"] = False
    return rows


def test_an_mx_elsewhere_is_told_with_the_host():
    judgement = judge("mx", unlocked(), {MX: MICROSOFT})
    assert isinstance(judgement, NeedsPerson)
    assert judgement.todo.startswith(
        f"{DOMAIN}: its MX northwindlegal-example.mail.protection.outlook.com is not the filter's"
    )
    assert [drift.field for drift in judgement.drift] == [f"{DOMAIN}: MX"]


def test_an_mx_elsewhere_on_a_locked_tenant_is_an_outage_with_the_way_out_in_order():
    judgement = judge("mx", healthy(), {MX: MICROSOFT})
    assert isinstance(judgement, NeedsPerson)
    assert "being refused NOW: switch the lock-down off, move the MX back" in judgement.todo


def test_a_domain_whose_mail_is_only_passed_on_counts_and_microsofts_own_do_not():
    rows = healthy()
    names = {"relay.example": "InternalRelay", "away.example": "ExternalRelay", "x.onmicrosoft.us": "Authoritative"}
    rows["Get-AcceptedDomain"] += [{"DomainName": name, "DomainType": kind} for name, kind in names.items()]
    judgement = judge("mx", rows, {Question(name, "MX"): MICROSOFT for name in names})
    assert isinstance(judgement, NeedsPerson)
    assert [drift.field for drift in judgement.drift] == ["relay.example: MX"]


@pytest.mark.parametrize(("restricts", "outage"), [(True, True), (False, False)])
def test_a_declared_connector_locks_like_any_other(restricts, outage):
    rows = unlocked()
    rows["Get-InboundConnector"].append(
        rows["Get-InboundConnector"][0]
        | {"Name": "Relay", "Identity": "Relay", "Enabled": True, "SenderIPAddresses": ["203.0.113.7"]}
        | {"RestrictDomainsToIPAddresses": restricts}
    )
    declared = [{"name": "Relay", "sender_ips": ["203.0.113.7"]}]
    judgement = judge("mx", rows, {MX: MICROSOFT}, service_connectors=declared)
    assert isinstance(judgement, NeedsPerson)
    assert ("mail is being refused NOW" in judgement.todo) is outage
