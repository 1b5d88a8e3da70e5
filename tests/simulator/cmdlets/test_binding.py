from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

TAG = "#Exchange.GenericHashTable"
NAME = "ExchangeDefender"


async def set_connector(caller: Caller, **parameters: Any) -> tuple[int, str, str]:
    return error_of(await caller.run("Set-InboundConnector", Identity=NAME, **parameters))


def connector(caller: Caller) -> dict[str, Any]:
    return caller.tenant.admin("Get-InboundConnector")[0]


async def test_an_unknown_parameter_is_called_ambiguous(caller: Caller) -> None:
    assert (await set_connector(caller, SmartHosts=["x.example"]))[:2] == (400, "AmbiguousParameterSetException")


async def test_a_missing_mandatory_parameter_is_named(caller: Caller) -> None:
    status, _, text = error_of(await caller.run("New-InboundConnector", Name="Printer"))

    assert status == 400
    assert "SenderDomains" in text


async def test_names_of_parameters_have_no_case(caller: Caller) -> None:
    assert (await caller.run("Set-InboundConnector", identity=NAME, comment="x")).status_code == 200
    assert connector(caller)["Comment"] == "x"


async def test_an_enum_takes_a_prefix(caller: Caller) -> None:
    await caller.run("Set-InboundConnector", Identity=NAME, ConnectorType="onp")

    assert connector(caller)["ConnectorType"] == "OnPremises"


async def test_a_bad_enum_tells_the_names_in_the_inner_exception_only(caller: Caller) -> None:
    answer = await caller.run("Set-InboundConnector", Identity=NAME, ConnectorType="Hybrid")
    error = answer.json()["error"]
    inner = error["innererror"]["internalexception"]

    assert answer.status_code == 400
    assert "details" not in error
    assert inner["type"].endswith("ParameterTransformationException")
    assert inner["message"].endswith("Partner, OnPremises")


@pytest.mark.parametrize("value", ["true", None, "no"])
async def test_a_boolean_must_be_one(caller: Caller, value: object) -> None:
    assert (await set_connector(caller, Enabled=value))[:2] == (400, "ParameterTransformationException")


@pytest.mark.parametrize("value", [{"Add": ["10.0.0.1"]}, [{"Add": ["10.0.0.1"]}]])
async def test_an_untagged_object_does_not_bind(caller: Caller, value: object) -> None:
    assert (await set_connector(caller, SenderIPAddresses=value))[0] == 400


async def test_a_tagged_hashtable_adds_and_removes(caller: Caller) -> None:
    change = {"@odata.type": TAG, "Add": ["206.125.40.0/24"], "Remove": ["65.99.255.0/24"]}
    await caller.run("Set-InboundConnector", Identity=NAME, SenderIPAddresses=change)

    assert connector(caller)["SenderIPAddresses"] == ["206.125.40.0/24"]


@pytest.mark.parametrize(
    ("value", "stored"), [("10.0.0.1", ["10.0.0.1"]), ([], []), (None, []), ({"@odata.type": TAG}, None)]
)
async def test_a_collection_takes_one_value_none_or_null(
    caller: Caller, value: object, stored: list[str] | None
) -> None:
    await caller.run("Set-InboundConnector", Identity=NAME, SenderIPAddresses=value)

    assert connector(caller)["SenderIPAddresses"] == (["65.99.255.0/24"] if stored is None else stored)


async def test_null_clears_a_string(caller: Caller) -> None:
    caller.tenant.admin("Set-InboundConnector", Identity=NAME, TlsSenderCertificateName="*.exchangedefender.com")

    await caller.run("Set-InboundConnector", Identity=NAME, TlsSenderCertificateName=None)

    assert connector(caller)["TlsSenderCertificateName"] is None


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("Remove-TransportRule", {"Identity": "Send Automatic Replies to connector Automatic Replies"}),
        ("Disable-TransportRule", {"Identity": "Send Automatic Replies to connector Automatic Replies"}),
        ("Enable-TransportRule", {"Identity": "Send Automatic Replies to connector Automatic Replies"}),
        ("Remove-InboundConnector", {"Identity": NAME}),
    ],
)
async def test_what_would_prompt_needs_confirm_false(caller: Caller, cmdlet: str, parameters: dict[str, Any]) -> None:
    unconfirmed = await caller.run(cmdlet, **parameters)
    assert unconfirmed.status_code == 400
    assert not any(entry.changed for entry in caller.tenant.log)

    assert (await caller.run(cmdlet, **parameters, Confirm=False)).status_code == 200


async def test_confirm_false_is_legal_on_every_write(caller: Caller) -> None:
    assert (await caller.run("Set-InboundConnector", Identity=NAME, Comment="x", Confirm=False)).status_code == 200


@pytest.mark.parametrize("value", ["65.99.0.0/16", "2001:db8::1", "10.0.0.1-10.0.0.9", "mail.example"])
async def test_a_sender_address_is_one_ipv4_or_a_small_range(caller: Caller, value: str) -> None:
    assert (await set_connector(caller, SenderIPAddresses=[value]))[0] == 400


@pytest.mark.parametrize("cmdlet", ["New-OutboundConnector", "New-TransportRule"])
async def test_a_name_has_at_most_64_characters(caller: Caller, cmdlet: str) -> None:
    assert (await caller.run(cmdlet, Name="x" * 65)).status_code == 400
    assert (await caller.run(cmdlet, Name="x" * 64)).status_code == 200
