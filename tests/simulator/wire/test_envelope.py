import re
from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

SEVEN_DIGITS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}"


async def test_a_success_has_context_warnings_and_a_list(caller: Caller) -> None:
    answer = await caller.run("Get-InboundConnector", ResultSize="Unlimited")
    body = answer.json()

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )
    assert list(body) == ["@odata.context", "adminapi.warnings@odata.type", "@adminapi.warnings", "value"]
    assert body["@odata.context"] == (
        f"https://outlook.office365.com/adminapi/beta/{caller.tenant.tenant_id}"
        "/$metadata#Collection(Exchange.GenericHashTable)"
    )
    assert body["adminapi.warnings@odata.type"] == "#Collection(String)"
    assert body["@adminapi.warnings"] == []
    assert len(body["value"]) == 1


async def test_every_answer_has_the_service_headers(caller: Caller) -> None:
    headers = {"client-request-id": "5a0f0c8e-2f0b-4e57-a7b0-7f9f6b0e7c11"}
    body = {"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}}

    first, second = await caller.post(caller.url(), body, **headers), await caller.run("Get-Nothing")

    assert first.headers["client-request-id"] == headers["client-request-id"]
    assert first.headers["Preference-Applied"] == "odata.maxpagesize=1000"
    assert first.headers["OData-Version"] == "4.0"
    assert first.headers["request-id"] != second.headers["request-id"]


async def test_annotations_stand_before_their_property(caller: Caller) -> None:
    row = (await caller.value("Get-InboundConnector"))[0]
    keys = list(row)

    assert row["SenderIPAddresses@odata.type"] == "#Collection(String)"
    assert keys.index("SenderIPAddresses") == keys.index("SenderIPAddresses@odata.type") + 1
    at = keys.index("Guid@data.type")
    assert keys[at : at + 3] == ["Guid@data.type", "Guid@odata.type", "Guid"]
    assert (row["Guid@data.type"], row["Guid@odata.type"]) == ("System.Guid", "#Guid")
    assert row["WhenChangedUTC@data.type"] == "System.DateTime"
    assert "WhenChangedUTC@odata.type" not in row


async def test_plain_values_have_no_annotation(caller: Caller) -> None:
    row = (await caller.value("Get-InboundConnector"))[0]

    for name in ("Enabled", "ConnectorType", "TlsSenderCertificateName"):
        assert not [key for key in row if key.startswith(f"{name}@")]
    assert row["TlsSenderCertificateName"] is None


async def test_numbers_are_annotated_by_their_net_type(caller: Caller) -> None:
    policy = (await caller.value("Get-AntiPhishPolicy"))[0]
    signing = (await caller.value("Get-DkimSigningConfig"))[0]

    assert policy["PhishThresholdLevel@data.type"] == "System.Int32"
    assert (signing["Selector1KeySize@data.type"], signing["Selector1KeySize@odata.type"]) == (
        "System.UInt16",
        "#Decimal",
    )
    assert signing["Selector1KeySize"] == 2048


async def test_dates_have_seven_digits_and_the_suffix_of_their_property(caller: Caller) -> None:
    row = (await caller.value("Get-InboundConnector"))[0]

    assert re.fullmatch(SEVEN_DIGITS + r"\+00:00", row["WhenChanged"])
    assert re.fullmatch(SEVEN_DIGITS + "Z", row["WhenChangedUTC"])


async def test_a_validation_time_has_no_zone(caller: Caller) -> None:
    name = "Automatic Replies (Out of Office) Only"
    stamp = "2026-08-11T14:10:00.0000000Z"
    await caller.run("Set-OutboundConnector", Identity=name, IsValidated=True, LastValidationTimestamp=stamp)

    row = (await caller.value("Get-OutboundConnector", IsTransportRuleScoped=True))[0]

    assert row["LastValidationTimestamp"] == "2026-08-11T14:10:00.0000000"


@pytest.mark.parametrize(("switch", "value", "annotated"), [("list", [], True), ("null", None, False)])
async def test_an_unset_collection_is_a_list_or_null(
    caller: Caller, switch: Any, value: object, *, annotated: bool
) -> None:
    caller.tenant.switches.empty_collections = switch

    row = (await caller.value("Get-InboundConnector"))[0]

    assert row["EFSkipIPs"] == value
    assert ("EFSkipIPs@odata.type" in row) is annotated


async def test_select_trims_properties_and_ignores_unknown_ones(caller: Caller) -> None:
    body = {"CmdletInput": {"CmdletName": "Get-InboundConnector", "Parameters": {}}}
    answer = await caller.post(f"{caller.url()}?$select=Name,SenderIPAddresses,Nonsense", body)

    assert list(answer.json()["value"][0]) == ["SenderIPAddresses@odata.type", "SenderIPAddresses", "Name"]


@pytest.mark.parametrize(
    ("switch", "status", "tail"),
    [
        ("empty", 200, {"value": []}),
        ("null", 200, {"value": None}),
        ("missing", 200, {}),
        ("no_content", 204, None),
        ("no_body", 200, None),
    ],
)
async def test_a_cmdlet_that_returns_nothing_says_so_in_five_ways(
    caller: Caller, switch: Any, status: int, tail: dict[str, object] | None
) -> None:
    caller.tenant.switches.void_value = switch

    answer = await caller.run("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)

    assert answer.status_code == status
    if tail is None:
        assert answer.content == b""
    else:
        assert {name: value for name, value in answer.json().items() if "@" not in name} == tail
    assert caller.tenant.admin("Get-InboundConnector")[0]["Enabled"] is False


async def test_new_returns_the_object(caller: Caller) -> None:
    value = await caller.value("New-InboundConnector", Name="Printer", SenderDomains=["*"])

    assert [row["Name"] for row in value] == ["Printer"]
    assert value[0]["Guid"]


async def test_a_set_that_changes_nothing_warns(caller: Caller) -> None:
    answer = await caller.run("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)

    assert answer.json()["@adminapi.warnings"] == [
        "The command completed successfully but no settings of 'ExchangeDefender' have been modified."
    ]
    assert caller.tenant.writes[-1].changed is False


async def test_not_found_is_a_pipe_separated_detail(caller: Caller) -> None:
    answer = await caller.run("Get-TransportRule", Identity="no such rule")
    error = answer.json()["error"]

    assert answer.status_code == 404
    assert (error["code"], error["message"]) == ("NotFound", "Error executing cmdlet")
    assert error["details"] == [
        {
            "code": "Client",
            "target": "",
            "message": "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|The operation"
            " couldn't be performed because object 'no such rule' couldn't be found on"
            " 'EXAMPLEDC01.EURPR00A001.PROD.OUTLOOK.COM'.",
        }
    ]
    assert error["innererror"]["internalexception"]["message"].startswith("Exception of type ")
    assert error["@adminapi.warnings"] == []


async def test_an_unknown_identity_returns_everything_where_the_switch_says_so(caller: Caller) -> None:
    caller.tenant.switches.unknown_identity = "everything"

    assert len(await caller.value("Get-InboundConnector", Identity="no such connector")) == 1


async def test_a_null_identity_returns_everything(caller: Caller) -> None:
    assert len(await caller.value("Get-InboundConnector", Identity=None)) == 1


@pytest.mark.parametrize("form", ["json", "pipe"])
async def test_already_exists_comes_in_both_forms(caller: Caller, form: Any) -> None:
    caller.tenant.switches.already_exists = form

    answer = await caller.run("New-InboundConnector", Name="ExchangeDefender", SenderDomains=["*"])
    detail = answer.json()["error"]["details"][0]

    assert detail["code"] == ("Context" if form == "json" else "Client")
    assert detail["message"].startswith("{") is (form == "json")
    status, kind, text = error_of(answer)
    assert (status, kind) == (400, "ADObjectAlreadyExistsException")
    assert text.endswith("already exists.")


async def test_only_beta_serves_invoke_command(caller: Caller) -> None:
    body = {"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}}

    answer = await caller.post(caller.url().replace("/beta/", "/v1.0/"), body)

    assert answer.status_code == 405


async def test_a_get_is_not_allowed(caller: Caller) -> None:
    assert (await caller.http.get(caller.url())).status_code == 405


async def test_the_tenant_may_be_named_by_a_domain(caller: Caller) -> None:
    body = {"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}}

    answer = await caller.post(caller.url().replace(caller.tenant.tenant_id, "northwindlegal.example"), body)

    assert answer.status_code == 200


@pytest.mark.parametrize("body", [[], {}, {"CmdletInput": {}}, {"CmdletInput": {"CmdletName": 1}}])
async def test_a_body_without_a_command_is_a_bad_request(caller: Caller, body: object) -> None:
    assert (await caller.post(caller.url(), body)).status_code == 400


@pytest.mark.parametrize("gzip_label", [False, True])
async def test_an_unknown_cmdlet_is_nul_bytes_on_exchange(caller: Caller, *, gzip_label: bool) -> None:
    caller.tenant.switches.nul_gzip_label = gzip_label
    caller.tenant.switches.diagnostics = True
    request = caller.http.build_request(
        "POST",
        caller.url(),
        json={"CmdletInput": {"CmdletName": "Get-Bogus", "Parameters": {}}},
        headers=await caller.headers("outlook.office365.com"),
    )

    answer = await caller.http.send(request, stream=True)
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert (answer.status_code, raw) == (403, b"\0" * 4096)
    assert answer.headers.get("Content-Encoding") == ("gzip" if gzip_label else None)
    assert "x-ms-diagnostics" in answer.headers


async def test_an_unknown_cmdlet_is_named_in_json_on_compliance(caller: Caller) -> None:
    answer = await caller.compliance("Get-InboundConnector")

    assert answer.status_code == 403
    assert "Get-InboundConnector" in answer.json()["error"]["message"]
