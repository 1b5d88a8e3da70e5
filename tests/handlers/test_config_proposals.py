"""A config that lets in more than its profile takes effect by the word of a second person."""

import json
from hashlib import sha256

import pytest

from domain.widening import PROPOSED_FOR, ProposedConfig
from handlers import config_proposals
from tests.handlers.web import ask, of

BOB = "the-key-of-bob"


@pytest.fixture
def environment():
    return {
        "HOLDFAST_KEYS": json.dumps(
            [
                {"name": "bob", "sha256": sha256(BOB.encode()).hexdigest(), "roles": ["Admin"]},
            ]
        )
    }


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


def config(tenant, **more):
    return {"tenant_id": tenant.tenant_id, "name": "Contoso", "initial_domain": tenant.initial_domain} | more


async def put(service, tenant, **more):
    return await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config(tenant, **more))


async def waits(service, tenant):
    """The digest of the config that waits; one of nothing where none does."""
    shown = await ask(service, "GET", f"tenants/{tenant.tenant_id}/config/proposed")
    return of(shown)["proposal"] if shown.status_code == 200 else "0" * 64


async def approve(service, tenant, proposal=None, **who):
    seen = {"proposal": proposal or await waits(service, tenant)}
    return await ask(service, "POST", f"tenants/{tenant.tenant_id}/config/approve", seen, **who)


async def kept(service, tenant):
    return of(await ask(service, "GET", f"tenants/{tenant.tenant_id}"))


WIDER = {
    "another_range": {"delivery_networks": ["65.99.255.0/24", "203.0.113.0/24"]},
    "another_mx": {"mx_suffixes": ["exchangedefender.com", "filter.example"]},
    "another_include": {"spf": {"includes": ["proxy.exchangedefender.com", "senders.example"]}},
    "another_pair": {"spoof_allow": {"networks": ["65.99.255.0/24", "203.0.113.0/24"]}},
    "pairs_inside": {"spoof_allow": {"spoof_type": "Internal"}},
    "more_policies": {"spoof_intelligence": {"policies": ["Executives"]}},
    "more_alerts_off": {"alert_policies": ["Suspicious connector activity"]},
    "the_form_that_does_not_lock": {"connector_form": "as_command_line"},
    "no_lock": {"inbound_connector": None},
}


@pytest.mark.parametrize("overrides", WIDER.values(), ids=list(WIDER))
async def test_what_lets_in_more_waits_for_another_person(service, tenant, overrides):
    answer = await put(service, tenant, overrides=overrides)
    assert answer.status_code == 202
    assert (of(answer)["state"], of(answer)["by"]) == ("proposed", "key dev")
    assert (await kept(service, tenant))["overrides"] == {}
    proposed = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["proposed"]
    assert proposed["widens"] == of(answer)["widens"] != []
    assert (await approve(service, tenant)).status_code == 409
    assert (await kept(service, tenant))["overrides"] == {}
    assert (await approve(service, tenant, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == overrides
    assert of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["proposed"] is None
    entry = (await service.ledger(tenant))[-1]
    assert (entry.event, entry.actor, entry.requested_by) == ("configured", "key bob", "key dev")


async def test_the_second_person_approves_what_was_shown_and_nothing_that_came_since(service, tenant):
    shown = of(await put(service, tenant, overrides=WIDER["another_mx"]))["proposal"]
    await put(service, tenant, overrides=WIDER["another_range"])
    refused = await approve(service, tenant, shown, key=BOB)
    assert (refused.status_code, "the proposal is another one now" in of(refused)["detail"]) == (409, True)
    assert (await kept(service, tenant))["overrides"] == {}
    for unsaid in (None, {}, {"proposal": ""}):
        answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/config/approve", unsaid, key=BOB)
        assert answer.status_code == 422
    assert (await kept(service, tenant))["overrides"] == {}
    await put(service, tenant, overrides=WIDER["another_mx"])
    assert (await approve(service, tenant, shown, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == WIDER["another_mx"]


async def test_a_config_that_lets_in_more_takes_the_place_of_one_that_makes_no_sense(service, tenant, spoil):
    await spoil("tenants", tenant.tenant_id)
    assert (await put(service, tenant, overrides=WIDER["another_mx"])).status_code == 202
    assert (await approve(service, tenant, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == WIDER["another_mx"]


async def test_a_config_that_is_proposed_while_another_one_is_approved_waits_for_its_own_answer(
    service, tenant, meanwhile
):
    shown = of(await put(service, tenant, overrides=WIDER["another_mx"]))["proposal"]
    meanwhile("DELETE .*/tenants", lambda: put(service, tenant, overrides=WIDER["another_range"]))
    assert (await approve(service, tenant, shown, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == WIDER["another_mx"]
    [waiting] = await inbox(service)
    assert waiting["why"] == "key dev proposes: delivery_networks: 203.0.113.0/24"
    assert (await approve(service, tenant, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == WIDER["another_range"]
    assert await inbox(service) == []


async def test_what_is_proposed_is_shown_whole_and_where_nothing_is_that_is_said(service):
    new = service.world.add_tenant("new.example")
    path = f"tenants/{new.tenant_id}/config/proposed"
    assert (await ask(service, "GET", path)).status_code == 404
    proposed = of(await put(service, new, overrides=WIDER["no_lock"]))
    assert of(await ask(service, "GET", path)) == proposed
    assert proposed["config"]["overrides"] == WIDER["no_lock"]
    service.clock.advance(days=PROPOSED_FOR.days)
    assert (await ask(service, "GET", path)).status_code == 404


async def test_what_counts_already_is_not_asked_for_again(service, tenant):
    await put(service, tenant, overrides=WIDER["another_range"])
    await approve(service, tenant, key=BOB)
    assert (await put(service, tenant, overrides=WIDER["another_range"], mode="observe")).status_code == 200


@pytest.mark.parametrize(
    "overrides",
    [
        {"delivery_networks": ["65.99.255.128/25"]},
        {"mx_suffixes": ["inbound30.exchangedefender.com"]},
        {"alert_policies": ["Phish delivered due to an ETR override"]},
        {"direct_send": {"reject": True}},
        {"dkim": {"key_size": 1024}},
    ],
)
async def test_what_narrows_takes_effect_at_once(service, tenant, overrides):
    assert (await put(service, tenant, overrides=overrides)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == overrides


async def test_what_is_proposed_waits_in_the_inbox_until_another_person_approves_it(service, tenant):
    await put(service, tenant, overrides=WIDER["another_range"])
    [waiting] = await inbox(service)
    assert (waiting["kind"], waiting["tenant_id"], waiting["name"]) == ("config", tenant.tenant_id, "Contoso")
    assert waiting["why"] == "key dev proposes: delivery_networks: 203.0.113.0/24"
    await approve(service, tenant, key=BOB)
    assert await inbox(service) == []


async def test_a_new_tenant_that_is_proposed_waits_in_the_inbox_too(service):
    await put(service, service.world.add_tenant("new.example"), overrides=WIDER["no_lock"])
    assert [each["kind"] for each in await inbox(service)] == ["config"]


async def inbox(service):
    return of(await ask(service, "GET", "inbox?kind=config"))


async def test_a_proposal_lapses(service, tenant):
    await put(service, tenant, overrides=WIDER["another_range"])
    service.clock.advance(days=PROPOSED_FOR.days)
    assert await inbox(service) == []
    assert (await approve(service, tenant, key=BOB)).status_code == 409
    assert of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["proposed"] is None


async def test_a_proposal_does_not_take_back_what_was_changed_since(service, tenant):
    await put(service, tenant, overrides=WIDER["another_range"])
    await put(service, tenant, mode="observe")
    assert (await approve(service, tenant, key=BOB)).status_code == 409
    assert (await kept(service, tenant))["mode"] == "observe"


async def test_a_new_tenant_that_lets_in_more_is_added_by_the_second_person(service):
    tenant = service.world.add_tenant("contoso.example")
    assert (await put(service, tenant, overrides=WIDER["another_range"])).status_code == 202
    assert (await ask(service, "GET", f"tenants/{tenant.tenant_id}")).status_code == 404
    assert (await approve(service, tenant, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"] == WIDER["another_range"]


@pytest.mark.parametrize(
    "suffix", ["com", "co.uk", "azurewebsites.net", "outlook.com", "mail.protection.outlook.com", "mx.microsoft"]
)
async def test_a_suffix_that_is_nobodys_own_or_microsofts_is_refused(service, tenant, suffix):
    answer = await put(service, tenant, overrides={"mx_suffixes": [suffix]})
    assert answer.status_code == 422
    assert "overrides.mx_suffixes" in of(answer)["detail"]


NETWORKS = {
    "too_wide": ["203.0.113.0/23"],
    "all": ["0.0.0.0/0"],
    "none": [],
    "empty": [""],
    "too_many": [f"10.{n // 250}.{n % 250}.0/24" for n in range(1274)],
}


@pytest.mark.parametrize("networks", NETWORKS.values(), ids=list(NETWORKS))
async def test_networks_that_exchange_does_not_know_are_refused_with_the_field(service, tenant, networks):
    answer = await put(service, tenant, overrides={"delivery_networks": networks})
    assert answer.status_code == 422
    assert "overrides.delivery_networks" in of(answer)["detail"]
    answer = await put(service, tenant, service_connectors=[{"name": "Scanner", "sender_ips": networks}])
    assert answer.status_code == 422
    assert "service_connectors" in of(answer)["detail"]


NOT_PAIRS = {
    "too_wide": ["203.0.112.0/23"],
    "too_narrow": ["203.0.113.0/25"],
    "one_address": ["203.0.113.7"],
    "all": ["0.0.0.0/0"],
    "none": [],
    "too_many": [f"10.{n // 250}.{n % 250}.0/24" for n in range(1025)],
}


@pytest.mark.parametrize("networks", NOT_PAIRS.values(), ids=list(NOT_PAIRS))
async def test_spoof_pairs_that_exchange_does_not_know_are_refused_with_the_field(service, tenant, networks):
    answer = await put(service, tenant, overrides={"spoof_allow": {"networks": networks}})
    assert answer.status_code == 422
    assert "overrides.spoof_allow.networks" in of(answer)["detail"]


ALL_COVERING = {
    "all": ["0.0.0.0/0"],
    "halves": ["0.0.0.0/1", "128.0.0.0/1"],
    "wider_than_any_sender": ["40.96.0.0/11"],
    "all_of_ipv6": ["::/0"],
    "none": [],
    "too_many": [f"10.{n // 250}.{n % 250}.0/24" for n in range(1274)],
}


@pytest.mark.parametrize("networks", ALL_COVERING.values(), ids=list(ALL_COVERING))
async def test_what_is_taken_for_microsofts_own_is_never_every_address(service, tenant, networks):
    answer = await put(service, tenant, overrides={"microsoft_networks": networks})
    assert answer.status_code == 422
    assert "overrides.microsoft_networks" in of(answer)["detail"]


async def test_a_list_that_is_just_as_long_as_it_may_be_is_taken(service, tenant):
    longest = [f"10.{n // 250}.{n % 250}.0/24" for n in range(1273)]
    assert (await put(service, tenant, service_connectors=[{"name": "All", "sender_ips": longest}])).status_code == 200
    assert (await put(service, tenant, overrides={"delivery_networks": longest})).status_code == 202
    assert (await approve(service, tenant, key=BOB)).status_code == 200
    assert (await kept(service, tenant))["overrides"]["delivery_networks"] == longest


async def test_a_crash_between_a_proposal_and_its_entry_loses_neither(service, monkeypatch):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    proposed = ProposedConfig(
        config=await service.clients.storage.tenants.get(tenant.tenant_id),
        by="key dev",
        identity="key dev",
        at=service.clock(),
        version="",
        widens=("one network",),
    )

    async def dies(*_: object, **__: object) -> None:
        raise RuntimeError("the worker dies")

    with monkeypatch.context() as patched:
        patched.setattr(service.clients.storage.ledger, "append", dies)
        with pytest.raises(RuntimeError):
            await config_proposals.propose(proposed, service.clients)
    assert await config_proposals.waiting(tenant.tenant_id, service.clients) == proposed
    [entry] = [each for each in await service.ledger(tenant) if each.event == "proposed"]
    assert "one network" in entry.detail


async def test_a_correction_in_the_ledger_names_the_profiles_version(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    await service.sweep()
    [corrected] = [each for each in await service.ledger(tenant) if each.event == "corrected"]
    assert corrected.profile_version == service.clients.profiles.newest["exchangedefender"].version != ""
