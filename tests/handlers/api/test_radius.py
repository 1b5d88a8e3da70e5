"""An Admin lets steps go on that the blast radius holds."""

from datetime import datetime

import pytest
from azure.data.tables.aio import TableServiceClient

from tests.handlers.web import ask, of

PATH = "radius/inbound-lockdown:Set-InboundConnector/release"


async def test_a_release_is_kept_with_who_gave_it_and_why(service):
    released = of(await ask(service, "POST", PATH, {"reason": "incident 7"}))
    assert (released["held_since"], released["reason"], released["by"]) == (None, "incident 7", "key dev")
    assert released["released_at"]


@pytest.mark.parametrize("signature", ["no-control:Set-InboundConnector", "inbound-lockdown", "spf:", "spf:dns%20or"])
async def test_what_is_no_signature_of_ours_is_refused(service, signature):
    assert (await ask(service, "POST", f"radius/{signature}/release", {"reason": "x"})).status_code in {404, 422}


async def test_a_signature_whose_row_makes_no_sense_is_released_as_any_other(service, azurite_connection):
    signature = "inbound-lockdown:Set-InboundConnector"
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        odd = {"PartitionKey": "radius", "RowKey": signature, "version": 3, "body0": "{"}
        await tables.get_table_client("switches").create_entity(odd)
    radius, _ = await service.clients.storage.switches.radius(signature)
    assert radius.held_since
    assert (await ask(service, "POST", PATH, {"reason": "incident 7"})).status_code == 200
    radius, _ = await service.clients.storage.switches.radius(signature)
    assert (radius.held_since, radius.reason) == (None, "incident 7")


async def test_of_two_releases_at_once_the_later_one_stays(service, meanwhile):
    """What is written between the two counts for nobody, whichever of them is stored last."""
    moments = []

    async def by_another():
        moments.append(of(await ask(service, "POST", PATH, {"reason": "me too"}))["released_at"])

    meanwhile("(PUT|PATCH|POST) .*/switches", by_another)
    moments.append(of(await ask(service, "POST", PATH, {"reason": "incident 7"}))["released_at"])
    assert moments == sorted(moments)
    radius, _ = await service.clients.storage.switches.radius("inbound-lockdown:Set-InboundConnector")
    assert (radius.reason, radius.released_at) == ("incident 7", datetime.fromisoformat(moments[-1]))
