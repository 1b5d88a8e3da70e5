from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable
from domain.mail.answers import Present, Question
from domain.steps import Step
from tests.domain.builders import NOW, healthy, judge, text

DOMAIN = "northwindlegal.example"


def config(**fields):
    rows = healthy()
    rows["Get-DkimSigningConfig"][0] |= fields
    return rows


def test_a_missing_configuration_is_made_switched_off():
    assert judge("dkim", healthy() | {"Get-DkimSigningConfig": []}) == Drifted(
        (Drift(f"{DOMAIN}: Domain", DOMAIN, None),),
        (Step("exchange", "New-DkimSigningConfig", {"DomainName": DOMAIN, "KeySize": 2048, "Enabled": False}),),
    )


def test_signing_is_switched_on_once_microsoft_has_seen_the_records():
    assert judge("dkim", config(Enabled=False)) == Drifted(
        (Drift(f"{DOMAIN}: Enabled", wanted=True, found=False),),
        (Step("exchange", "Set-DkimSigningConfig", {"Identity": DOMAIN, "Enabled": True}),),
    )


def test_without_the_records_a_person_gets_them_as_the_tenant_names_them():
    finding = judge("dkim", config(Enabled=False, Status="CnameMissing"))
    assert isinstance(finding, NeedsPerson)
    assert f"selector1._domainkey.{DOMAIN} CNAME selector1-a._domainkey.n.a-v1.dkim.mail.microsoft" in finding.todo
    assert finding.drift == (Drift(f"{DOMAIN}: Enabled", wanted=True, found=False),)


def test_a_status_without_records_is_told_as_it_is():
    finding = judge("dkim", config(Enabled=False, Status="NoDKIMKeys", Selector1CNAME=None, Selector2CNAME=None))
    assert isinstance(finding, NeedsPerson)
    assert "'NoDKIMKeys'" in finding.todo


def test_records_that_are_published_are_enough_even_before_microsoft_looks_again():
    targets = [f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft" for n in (1, 2)]
    dns = {Question(f"selector{n}._domainkey.{DOMAIN}", "CNAME"): Present((targets[n - 1],), 300, NOW) for n in (1, 2)}
    keys = {Question(target, "TXT"): text("v=DKIM1; k=rsa; p=MIGf") for target in targets}
    rows = config(Enabled=False, Status="CnameMissing")
    finding = judge("dkim", rows, {**dns, **keys})
    assert isinstance(finding, Drifted)
    assert finding.steps[0].cmdlet == "Set-DkimSigningConfig"
    assert isinstance(judge("dkim", rows, {**keys, **dict(list(dns.items())[:1])}), NeedsPerson)


def test_a_target_that_is_no_name_is_not_published():
    rows = config(Domain="a..b", Enabled=False, Status="CnameMissing")
    rows["Get-AcceptedDomain"][0]["DomainName"] = "a..b"
    assert isinstance(judge("dkim", rows), NeedsPerson)


def test_only_what_can_be_mended_is_in_the_plan():
    rows = config(Enabled=False, Status="CnameMissing")
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    finding = judge("dkim", rows)
    assert isinstance(finding, Drifted)
    assert [drift.field for drift in finding.drift] == ["second.example: Domain"]


def test_domains_that_are_not_the_tenants_own_mail_are_left_out():
    rows = healthy()
    rows["Get-AcceptedDomain"] += [
        {"DomainName": "relay.example", "DomainType": "InternalRelay"},
        {"DomainName": "leaving.example", "DomainType": "Authoritative", "PendingRemoval": True},
        {"DomainName": "n.mail.onmicrosoft.com", "DomainType": "Authoritative", "IsCoexistenceDomain": True},
        {"DomainName": "other.onmicrosoft.com", "DomainType": "Authoritative"},
    ]
    assert judge("dkim", rows) == Compliant()


def test_a_tenant_without_a_domain_of_its_own_is_not_concerned():
    rows = healthy()
    del rows["Get-AcceptedDomain"][0]
    assert isinstance(judge("dkim", rows), NotApplicable)
