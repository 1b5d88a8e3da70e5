import pytest

from domain.audit.record import OddRecord, concerns_control, parse_audit_record
from tests.domain.audit.samples import AT, OBJECT, OTHER, raw


@pytest.mark.parametrize(
    ("operation", "relevant"),
    [
        ("Set-InboundConnector", True),
        ("new-transportrule", True),
        ("Disable-AntiPhishRule", True),
        ("Remove-TenantAllowBlockListSpoofItems", True),
        ("Set-ProtectionAlert", True),
        ("Get-InboundConnector", False),
        ("Set-Mailbox", False),
        ("MailItemsAccessed", False),
        ("", False),
    ],
)
def test_only_cmdlets_that_change_what_a_control_watches_matter(operation, relevant):
    assert concerns_control({"Operation": operation}) is relevant


@pytest.mark.parametrize("odd", [None, "x", [1], {}, {"Operation": None}, {"Operation": 7}])
def test_what_may_matter_or_not_is_refused(odd):
    with pytest.raises(OddRecord):
        concerns_control(odd)


@pytest.mark.parametrize(
    "parameters",
    [
        [{"Name": "Identity", "Value": "ExchangeDefender"}, {"Name": "Enabled", "Value": "False"}],
        [{"Name": "Identity", "Value": "ExchangeDefender"}, {"Name": "Enabled", "Value": False}],
        '-Identity "ExchangeDefender" -Enabled "False"',
        "-Identity 'ExchangeDefender' -Enabled False",
        {"Identity": "ExchangeDefender", "Enabled": "False"},
    ],
)
def test_parameters_are_read_in_every_shape(parameters):
    assert parse_audit_record(raw(Parameters=parameters)).parameters == {
        "Identity": "ExchangeDefender",
        "Enabled": "False",
    }


LOCKS = {
    "ConnectorType": "Partner",
    "SenderDomains": "smtp:*;1",
    "SenderIPAddresses": "65.99.255.0/24",
    "RestrictDomainsToIPAddresses": "True",
}
NO_LOCK = {
    "never restricts": {"RestrictDomainsToIPAddresses": "False"},
    "does not say": {"RestrictDomainsToIPAddresses": ""},
    "asks for a certificate as well": {"RestrictDomainsToCertificate": "True"},
    "is off": {"Enabled": "False"},
    "for one sender": {"SenderDomains": "smtp:partner.example;1"},
    "own servers": {"ConnectorType": "OnPremises"},
    "for some domains": {"AssociatedAcceptedDomains": "contoso.example"},
}


@pytest.mark.parametrize(
    "fields", [{}, {"Enabled": "True"}, {"SenderDomains": "*"}, {"AssociatedAcceptedDomains": "{}"}]
)
@pytest.mark.parametrize("operation", ["New-InboundConnector", "Set-InboundConnector"])
def test_a_connector_that_refuses_everybody_else_is_a_lock(operation, fields):
    record = parse_audit_record(raw(Operation=operation, Parameters={"Enabled": "True"} | LOCKS | fields))
    assert record.locks
    assert record.addresses == {"65.99.255.0/24"}


def test_a_new_connector_is_on_and_one_that_is_set_as_it_was():
    assert parse_audit_record(raw(Operation="New-InboundConnector", Parameters=LOCKS)).locks
    assert not parse_audit_record(raw(Operation="Set-InboundConnector", Parameters=LOCKS)).locks


@pytest.mark.parametrize("fields", NO_LOCK.values(), ids=NO_LOCK)
def test_the_name_and_the_range_alone_are_no_lock(fields):
    given = {"Name": "ExchangeDefender"} | LOCKS | fields
    assert not parse_audit_record(raw(Operation="New-InboundConnector", Parameters=given)).locks


def test_a_lock_that_could_not_be_made_is_none():
    assert not parse_audit_record(raw(Parameters=LOCKS, ResultStatus="False", Operation="New-InboundConnector")).locks
    assert not parse_audit_record(raw(Parameters=LOCKS, Operation="New-OutboundConnector")).locks


@pytest.mark.parametrize("parameters", [None, [], ""])
def test_there_may_be_no_parameters(parameters):
    assert parse_audit_record(raw(Parameters=parameters)).parameters == {}


@pytest.mark.parametrize("text", ["2026-08-03T08:41:17", "2026-08-03T08:41:17Z", "2026-08-03T10:41:17.0000000+02:00"])
def test_a_time_without_a_zone_is_utc(text):
    assert parse_audit_record(raw(CreationTime=text)).at == AT


@pytest.mark.parametrize(
    ("object_id", "identity"),
    [
        ("contoso.onmicrosoft.com\\ExchangeDefender", None),
        ("ExchangeDefender", None),
        ("", "exchangedefender\u200b"),
        ("contoso.onmicrosoft.com/ExchangeDefender", "ExchangeDefender"),
    ],
)
def test_an_object_is_known_by_its_last_part_or_by_what_was_typed(object_id, identity):
    given = [{"Name": "Identity", "Value": identity}] if identity else None
    assert parse_audit_record(raw(ObjectId=object_id, Parameters=given)).names == {"exchangedefender"}


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ({}, "admin@contoso.example"),
        (
            {"UserId": f"contoso.onmicrosoft.com\\tenant: {OTHER}, object: {OBJECT}"},
            f"a partner's technician {OBJECT} of tenant {OTHER}",
        ),
        (
            {"UserId": "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.AdminApi.NetCore)"},
            "Microsoft's own service (NT AUTHORITY\\SYSTEM (Microsoft.Exchange.AdminApi.NetCore))",
        ),
        ({"UserId": OTHER, "AppId": ""}, f"application {OTHER}"),
        ({"UserId": f"ServicePrincipal_{OTHER}", "AppId": None}, f"application ServicePrincipal_{OTHER}"),
        ({"UserId": "Not Available", "AppAccessContext": {"ClientAppName": "Drift Tool"}}, "application Drift Tool"),
        ({"UserId": "Tenant Guard", "AppId": ""}, "Tenant Guard"),
        ({"UserId": "", "UserKey": "k", "AppId": "", "AppAccessContext": None}, "k"),
        ({"UserId": None, "UserKey": None, "AppId": None}, "somebody the log does not name"),
        ({"UserId": f"user_{'0' * 32}@contoso.onmicrosoft.com", "AppId": OTHER}, f"application {OTHER}"),
    ],
)
def test_whoever_did_it_gets_the_best_name_there_is(fields, who):
    assert parse_audit_record(raw(**fields)).actor.who == who


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9:51544", "203.0.113.9"),
        ("203.0.113.9", "203.0.113.9"),
        ("[2001:db8::9]:51544", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("", ""),
        (None, ""),
        ("somewhere", "somewhere"),
    ],
)
def test_addresses_come_with_and_without_a_port(text, address):
    assert parse_audit_record(raw(ClientIP=text)).actor.address == address


@pytest.mark.parametrize(
    "fields",
    [
        {"Id": None},
        {"Id": "a/b"},
        {"CreationTime": "soon"},
        {"CreationTime": 7},
        {"CreationTime": "0001-01-01T00:00:00"},
        {"CreationTime": "9999-12-31T23:59:59"},
        {"UserId": 7},
        {"UserId": "x" * 5000},
        {"Parameters": 7},
        {"Parameters": ["x"]},
        {"AppAccessContext": "x"},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_an_odd_record_is_refused_in_one_line(fields):
    with pytest.raises(OddRecord, match=r"^record\.") as refusal:
        parse_audit_record(raw(**fields))
    assert "\n" not in str(refusal.value)
