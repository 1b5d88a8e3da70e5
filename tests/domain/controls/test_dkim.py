from datetime import datetime, timedelta

import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown
from domain.dns_steps import RecordChange, change_of
from domain.mail.answers import Absent, DnsAnswer, Present, Question, Unclear
from domain.steps import Step
from tests.domain.builders import NOW, healthy, judge, text

DOMAIN = "northwindlegal.example"
OWNERS = [f"selector{n}._domainkey.{DOMAIN}" for n in (1, 2)]
TARGETS = [f"selector{n}-a._domainkey.n.a-v1.dkim.mail.microsoft" for n in (1, 2)]
FIELDS = [f"{DOMAIN}: selector{n} CNAME" for n in (1, 2)]
ABSENT = Absent(name_exists=False, ttl_s=300, at=NOW)
UNPUBLISHED = {Question(owner, "CNAME"): ABSENT for owner in OWNERS}
KEYLESS = {Question(target, "TXT"): ABSENT for target in TARGETS}
HOST = {DOMAIN: {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_C"}}


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
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), UNPUBLISHED)
    assert isinstance(judgement, NeedsPerson)
    for owner, target in zip(OWNERS, TARGETS, strict=True):
        assert f"publish {owner} CNAME {target}" in judgement.todo
    assert judgement.drift == (
        Drift(f"{DOMAIN}: Enabled", wanted=True, found=False),
        *(Drift(field, target, None) for field, target in zip(FIELDS, TARGETS, strict=True)),
    )


def test_where_the_zone_has_a_host_the_records_are_published_before_signing_is_switched_on():
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), UNPUBLISHED, dns=HOST)
    assert isinstance(judgement, Drifted)
    assert [change_of(step.parameters) for step in judgement.steps] == [
        RecordChange(DOMAIN, owner, "CNAME", (), (target,)) for owner, target in zip(OWNERS, TARGETS, strict=True)
    ]
    assert [drift.field for drift in judgement.drift] == FIELDS


def test_only_the_record_that_is_missing_is_published():
    half = dict(list(UNPUBLISHED.items())[:1])
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), half, dns=HOST)
    assert isinstance(judgement, Drifted)
    assert [change_of(step.parameters).name for step in judgement.steps] == OWNERS[:1]
    assert FIELDS[1] in judgement.equal


@pytest.mark.parametrize("there", [Present(("elsewhere.example",), 300, NOW), None], ids=["alias", "text"])
def test_a_record_in_the_way_is_a_persons_to_take_away(there):
    dns: dict[Question, DnsAnswer] = {Question(OWNERS[0], "TXT"): text("v=DKIM1; p=MIGf")}
    dns[Question(OWNERS[0], "CNAME")] = there or Absent(name_exists=True, ttl_s=300, at=NOW)
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), dns, dns=HOST)
    assert isinstance(judgement, NeedsPerson)
    assert f"in place of the {'CNAME' if there else 'TXT'} record there" in judgement.todo


@pytest.mark.parametrize("status", ["Valid", "CnameMissing"])
def test_records_that_went_while_signing_was_on_are_seen_whatever_microsoft_says(status):
    signing = config(Status=status)
    assert judge("dkim", signing) == Compliant()
    told = judge("dkim", signing, UNPUBLISHED)
    assert isinstance(told, NeedsPerson)
    assert told.todo.endswith(f"publish {OWNERS[1]} CNAME {TARGETS[1]}")
    assert [drift.field for drift in told.drift] == FIELDS
    published = judge("dkim", signing, UNPUBLISHED, dns=HOST)
    assert isinstance(published, Drifted)
    assert [change_of(step.parameters).name for step in published.steps] == OWNERS


def test_an_alias_that_leads_elsewhere_while_signing_is_on_is_a_persons_to_judge():
    other = {Question(OWNERS[0], "CNAME"): Present(("selector1.other.example",), 300, NOW)}
    judgement = judge("dkim", config(), other, dns=HOST)
    assert isinstance(judgement, NeedsPerson)
    assert "in place of the CNAME record there" in judgement.todo


def test_where_microsoft_says_that_signing_works_the_keys_are_not_asked_for():
    unclear = {Question(target, "TXT"): Unclear("REFUSED", NOW) for target in TARGETS}
    assert judge("dkim", config(), unclear) == Compliant()
    assert isinstance(judge("dkim", config(Status="CnameMissing"), unclear), Unknown)


BESIDE = f"no-such._domainkey.{DOMAIN}"


@pytest.mark.parametrize("rtype", ["CNAME", "TXT"])
def test_a_wildcard_is_not_a_record_in_the_way(rtype):
    """What it says of the selectors it says of any name beside them: an alias of their own takes its place."""
    wild = Present(("wild.example",), 300, NOW) if rtype == "CNAME" else text("v=spf1 -all")
    there = Absent(name_exists=True, ttl_s=300, at=NOW)
    dns: dict[Question, DnsAnswer] = {Question(name, rtype): wild for name in (*OWNERS, BESIDE)}
    if rtype == "TXT":
        dns |= {Question(owner, "CNAME"): there for owner in OWNERS}
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), dns, dns=HOST)
    assert isinstance(judgement, Drifted)
    assert [change_of(step.parameters) for step in judgement.steps] == [
        RecordChange(DOMAIN, owner, "CNAME", (), (target,)) for owner, target in zip(OWNERS, TARGETS, strict=True)
    ]
    other = dns | {Question(BESIDE, rtype): ABSENT}
    assert isinstance(judge("dkim", config(Enabled=False, Status="CnameMissing"), other, dns=HOST), NeedsPerson)


ONE_KEY = {Question(TARGETS[1], "TXT"): ABSENT}
"""The second selector has no key yet; the zone lets an absence be believed for 300 s (ABSENT)."""


@pytest.mark.parametrize(
    ("checked", "ready"),
    [
        (NOW - timedelta(seconds=300), True),
        (NOW - timedelta(seconds=299), False),
        ((NOW - timedelta(seconds=301)).replace(tzinfo=None), True),
        ("2026-11-01T09:00:00.7066975Z", True),
        (None, False),
        ("soon", False),
    ],
)
def test_with_one_key_signing_is_switched_on_once_microsoft_has_forgotten_the_absence(checked, ready):
    last = checked.isoformat() if isinstance(checked, datetime) else checked
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing", LastChecked=last), ONE_KEY)
    if ready:
        assert isinstance(judgement, Drifted)
        assert judgement.steps == (Step("exchange", "Set-DkimSigningConfig", {"Identity": DOMAIN, "Enabled": True}),)
    else:
        assert isinstance(judgement, NeedsPerson)
        assert f"{TARGETS[1]} has no key yet" in judgement.todo


def test_an_absence_of_unknown_length_is_not_over():
    dns = ONE_KEY | {Question(BESIDE, "CNAME"): Unclear("SERVFAIL", NOW)}
    rows = config(Enabled=False, Status="CnameMissing", LastChecked="2026-11-01T09:00:00Z")
    assert isinstance(judge("dkim", rows, dns), Unknown)


def test_an_alias_without_a_key_behind_it_is_waited_for_unless_microsoft_says_that_it_is_there():
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), KEYLESS)
    assert isinstance(judgement, NeedsPerson)
    assert f"{TARGETS[0]} has no key yet" in judgement.todo
    assert isinstance(judge("dkim", config(Enabled=False), KEYLESS), Drifted)


def test_a_record_that_cannot_be_looked_up_leaves_the_domain_unknown():
    dns = {Question(OWNERS[0], "CNAME"): Unclear("SERVFAIL", NOW)}
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"), dns, dns=HOST)
    assert isinstance(judgement, Unknown)
    assert "SERVFAIL" in judgement.reason


def test_a_status_without_records_is_told_as_it_is():
    judgement = judge("dkim", config(Enabled=False, Status="NoDKIMKeys", Selector1CNAME=None, Selector2CNAME=None))
    assert isinstance(judgement, NeedsPerson)
    assert "'NoDKIMKeys'" in judgement.todo


NO_TARGETS = {"Selector1CNAME": None, "Selector2CNAME": ""}


@pytest.mark.parametrize("status", ["Valid", None])
@pytest.mark.parametrize("missing", [NO_TARGETS, {"Selector2CNAME": None}], ids=str)
def test_signing_whose_records_the_tenant_does_not_name_is_not_called_right(status, missing):
    judgement = judge("dkim", config(Status=status, **missing))
    assert isinstance(judgement, Unknown)
    assert judgement.reason == f"{DOMAIN}: signing is on, and Get-DkimSigningConfig names no CNAMEs"


def test_signing_of_which_microsoft_reports_a_fault_is_a_persons_where_it_names_no_records():
    judgement = judge("dkim", config(Status="NoDKIMKeys", **NO_TARGETS))
    assert isinstance(judgement, NeedsPerson)
    assert judgement.drift == (Drift(f"{DOMAIN}: Status", "Valid", "NoDKIMKeys"),)
    assert "'NoDKIMKeys'" in judgement.todo


def test_signing_for_which_receivers_find_no_key_at_all_is_a_persons():
    judgement = judge("dkim", config(Status="CnameMissing"), KEYLESS)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.drift == (Drift(f"{DOMAIN}: Status", "Valid", "CnameMissing"),)
    assert f"receivers find no key for it: {TARGETS[0]} has no key yet; {TARGETS[1]} has no key yet" in judgement.todo
    assert judge("dkim", config(Status="CnameMissing"), ONE_KEY) == Compliant()


def test_a_record_that_is_missing_is_published_before_the_keys_are_a_persons():
    dns = KEYLESS | {Question(OWNERS[0], "CNAME"): ABSENT}
    judgement = judge("dkim", config(Status="CnameMissing"), dns, dns=HOST)
    assert isinstance(judgement, Drifted)
    assert [change_of(step.parameters).name for step in judgement.steps] == OWNERS[:1]


def test_records_that_are_published_are_enough_even_before_microsoft_looks_again():
    judgement = judge("dkim", config(Enabled=False, Status="CnameMissing"))
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].cmdlet == "Set-DkimSigningConfig"


def test_a_domain_that_is_no_name_is_unknown():
    rows = config(Domain="a..b", Enabled=False, Status="CnameMissing")
    rows["Get-AcceptedDomain"][0]["DomainName"] = "a..b"
    assert isinstance(judge("dkim", rows), Unknown)


def test_only_what_can_be_mended_is_in_the_plan():
    rows = config(Enabled=False, Status="CnameMissing")
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    judgement = judge("dkim", rows, UNPUBLISHED)
    assert isinstance(judgement, Drifted)
    assert [drift.field for drift in judgement.drift] == ["second.example: Domain"]
    assert judgement.detail.startswith(f"{DOMAIN}: publish")


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


SECOND, THIRD = "second.example", "third.example"
ODD = "Get-DkimSigningConfig returned an odd object: DkimConfig.Enabled: Field required"


def three(*more):
    """Three domains, of which the first alone has a configuration, and *more* of them."""
    rows = healthy()
    rows["Get-AcceptedDomain"] += [{"DomainName": each, "DomainType": "Authoritative"} for each in (SECOND, THIRD)]
    rows["Get-DkimSigningConfig"] += more
    return rows


def test_a_configuration_that_is_odd_hides_its_own_domain_alone():
    judgement = judge("dkim", three({"Domain": "Second.example "}))
    assert isinstance(judgement, Drifted)
    assert [step.parameters["DomainName"] for step in judgement.steps] == [THIRD]
    assert (judgement.detail, judgement.unseen) == (f"{SECOND}: {ODD}", (SECOND,))


def test_while_one_is_odd_the_others_being_right_is_not_enough():
    right = {**healthy()["Get-DkimSigningConfig"][0], "Domain": THIRD}
    answers = {
        Question(f"selector{n}._domainkey.{THIRD}", "CNAME"): Present((target,), 300, NOW)
        for n, target in enumerate(TARGETS, 1)
    }
    judgement = judge("dkim", three({"Domain": SECOND}, right), answers)
    assert isinstance(judgement, Unknown)
    assert judgement.reason == f"{SECOND}: {ODD}; as documented: {DOMAIN}, {THIRD}"


@pytest.mark.parametrize("name", [{}, {"Domain": "removed.example"}], ids=["of nobody", "of none of ours"])
def test_while_an_odd_one_may_be_anybodys_no_domain_gets_another(name):
    judgement = judge("dkim", three(name | {"Status": "Valid"}))
    assert isinstance(judgement, Unknown)
    assert all(f"{each}: Get-DkimSigningConfig returned an odd object" in judgement.reason for each in (SECOND, THIRD))


def test_a_domain_of_which_one_of_two_configurations_is_odd_is_left_alone():
    assert isinstance(judge("dkim", config(Enabled=False) | {}), Drifted)
    rows = config(Enabled=False)
    rows["Get-DkimSigningConfig"].append({"Domain": DOMAIN})
    assert isinstance(judge("dkim", rows), Unknown)


def test_an_international_domain_is_asked_for_by_its_own_name_and_its_configuration_is_known_in_either_spelling():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": "Fa\u00df.example", "DomainType": "Authoritative"})
    made = judge("dkim", rows)
    assert isinstance(made, Drifted)
    assert made.drift == (Drift("xn--fa-hia.example: Domain", "xn--fa-hia.example", None),)
    assert [step.parameters["DomainName"] for step in made.steps] == ["Fa\u00df.example"]
    rows["Get-DkimSigningConfig"].append(rows["Get-DkimSigningConfig"][0] | {"Domain": "xn--fa-hia.example"})
    published = {
        Question(f"selector{n}._domainkey.xn--fa-hia.example", "CNAME"): Present((target,), 300, NOW)
        for n, target in enumerate(TARGETS, 1)
    }
    assert judge("dkim", rows, published) == Compliant()
