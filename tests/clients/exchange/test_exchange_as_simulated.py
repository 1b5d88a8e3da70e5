from typing import Any

import pytest

from clients.entra.credentials import Credentials
from clients.errors import AlreadyExists, Forbidden, Invalid, NotCustomised, NotFound, Throttled, Unreachable
from clients.exchange.exchange import Exchange
from domain.reading import Query, Seen, Unseen
from domain.steps import Step, Value
from simulator.faults import Fault, FaultKind
from simulator.tenant import Tenant
from simulator.world import World
from tests.clients.conftest import allowed
from tests.clients.exchange.steps import step

FAST_LANE = [
    Query("exchange", "Get-InboundConnector", (("ResultSize", "Unlimited"),)),
    Query("exchange", "Get-OutboundConnector", (("IncludeTestModeConnectors", True),)),
    Query("exchange", "Get-TransportRule", (("ResultSize", "Unlimited"),)),
    Query("exchange", "Get-AntiPhishPolicy", never_empty=True),
    Query("exchange", "Get-TenantAllowBlockListSpoofItems"),
    Query("exchange", "Get-DkimSigningConfig"),
    Query("exchange", "Get-AcceptedDomain", never_empty=True),
    Query("exchange", "Get-OrganizationConfig", never_empty=True),
]


INBOUND = FAST_LANE[0]


SET = step("exchange", "Set-InboundConnector", Identity="ExchangeDefender", Enabled=True, Confirm=False)


NEW = step(
    "exchange",
    "New-InboundConnector",
    Name="Second",
    ConnectorType="Partner",
    SenderDomains=("*",),
    SenderIPAddresses=("65.99.255.0/24",),
)


@pytest.fixture
def credentials(simulated: Credentials) -> Credentials:
    return simulated


async def test_the_fast_lane_of_a_warm_tenant_is_one_request(exchange: Exchange, world: World, tenant: Tenant) -> None:
    await exchange.read(tenant.tenant_id, [INBOUND])
    world.http_requests.clear()

    found = await exchange.read(tenant.tenant_id, FAST_LANE)

    assert {query.cmdlet: type(fact) for query, fact in found.items()} == {query.cmdlet: Seen for query in FAST_LANE}
    assert world.http_requests == {"exchange": 1}


@pytest.mark.parametrize("query", FAST_LANE, ids=lambda query: query.cmdlet)
async def test_what_is_read_is_what_a_person_sees(exchange: Exchange, tenant: Tenant, query: Query) -> None:
    fact = (await exchange.read(tenant.tenant_id, [query]))[query]

    assert isinstance(fact, Seen)
    assert len(fact.rows) == len(tenant.admin(query.cmdlet, **dict(query.parameters)))
    assert not any("@" in key for row in fact.rows for key in row)


@pytest.mark.parametrize(
    "switches",
    [
        {"batch_shuffle": True},
        {"page_size": 1},
        {"page_size": 1, "paging_needs_anchor": True},
        {"empty_collections": "null"},
    ],
    ids="_".join,
)
async def test_the_same_is_read_however_the_service_behaves(
    exchange: Exchange, world: World, switches: dict[str, Any]
) -> None:
    plain = world.add_tenant("plain.example")
    odd = world.add_tenant("odd.example", **switches)

    expected = await exchange.read(plain.tenant_id, FAST_LANE)
    found = await exchange.read(odd.tenant_id, FAST_LANE)

    for query in FAST_LANE:
        one, other = expected[query], found[query]
        assert isinstance(one, Seen)
        assert isinstance(other, Seen)
        assert len(one.rows) == len(other.rows)


READ_AGAIN: list[FaultKind] = [
    "throttled",
    "unavailable",
    "gateway_timeout",
    "cut",
    "unreachable",
    "html",
    "truncated",
    "missing_item",
    "gzip_label",
    "server_error",
    "unauthorized",
]


@pytest.mark.parametrize("kind", READ_AGAIN)
@pytest.mark.parametrize("queries", [[INBOUND], FAST_LANE], ids=["alone", "in_a_batch"])
@pytest.mark.parametrize("cmdlet", ["Get-InboundConnector", "$batch"])
async def test_passing_trouble_is_not_noticed(
    exchange: Exchange, tenant: Tenant, kind: FaultKind, queries: list[Query], cmdlet: str
) -> None:
    tenant.faults.script(Fault(kind, cmdlet=cmdlet))

    found = await exchange.read(tenant.tenant_id, queries)

    assert all(isinstance(fact, Seen) for fact in found.values())


# A connection that dies takes its whole batch with it; `ALONE` is that.
ALONE: list[FaultKind] = ["cut", "unreachable"]


LASTING: list[FaultKind] = [
    "throttled",
    "unavailable",
    "gateway_timeout",
    "html",
    "truncated",
    "value_missing",
    "empty",
    "adminapi_errors",
    "nul_403",
    "foreign_next_link",
    "server_error",
    "unauthorized",
]


@pytest.mark.parametrize(
    ("kind", "queries"),
    [
        *(pytest.param(kind, [INBOUND], id=f"{kind}_alone") for kind in LASTING + ALONE),
        *(pytest.param(kind, FAST_LANE, id=f"{kind}_in_a_batch") for kind in LASTING),
    ],
)
async def test_lasting_trouble_with_one_cmdlet_is_unseen_and_touches_no_other(
    exchange: Exchange, tenant: Tenant, kind: FaultKind, queries: list[Query]
) -> None:
    tenant.faults.script(Fault(kind, cmdlet="Get-InboundConnector", times=20))

    found = await exchange.read(tenant.tenant_id, queries)

    assert isinstance(found.pop(INBOUND), Unseen)
    assert all(isinstance(fact, Seen) for fact in found.values())


async def test_an_empty_list_of_what_every_tenant_has_is_unseen(exchange: Exchange, tenant: Tenant) -> None:
    domains = Query("exchange", "Get-AcceptedDomain", never_empty=True)
    tenant.faults.script(Fault("value_empty", cmdlet="Get-AcceptedDomain"))

    assert isinstance((await exchange.read(tenant.tenant_id, [domains]))[domains], Unseen)


async def test_a_long_wait_goes_to_the_queue(exchange: Exchange, tenant: Tenant) -> None:
    tenant.faults.script(Fault("throttled", retry_after=60))

    with pytest.raises(Throttled) as raised:
        await exchange.read(tenant.tenant_id, FAST_LANE)

    assert raised.value.retry_after_s == 60


@pytest.mark.parametrize("void", ["empty", "null", "missing", "no_content", "no_body"])
async def test_a_write_lands_however_the_service_says_nothing(exchange: Exchange, tenant: Tenant, void: str) -> None:
    tenant.switches.void_value = void  # type: ignore[assignment]

    await exchange.apply(
        tenant.tenant_id,
        step("exchange", "Set-InboundConnector", Identity="ExchangeDefender", Enabled=False),
        permit=allowed,
    )

    assert tenant.admin("Get-InboundConnector")[0]["Enabled"] is False


async def test_a_write_that_changes_nothing_says_so(exchange: Exchange, tenant: Tenant) -> None:
    assert "no settings" in " ".join((await exchange.apply(tenant.tenant_id, SET, permit=allowed)).warnings)


async def test_a_create_gives_back_its_object(exchange: Exchange, tenant: Tenant) -> None:
    applied = await exchange.apply(tenant.tenant_id, NEW, permit=allowed)

    assert applied.rows[0]["Name"] == "Second"


@pytest.mark.parametrize("write", [SET, NEW], ids=["set", "new"])
async def test_a_connection_cut_after_a_write_is_told_and_the_write_sent_once(
    exchange: Exchange, tenant: Tenant, write: Step
) -> None:
    tenant.faults.script(Fault("cut", writes=True, phase="after"))

    with pytest.raises(Unreachable) as raised:
        await exchange.apply(tenant.tenant_id, write, permit=allowed)

    assert raised.value.sent
    assert len(tenant.writes) == 1


@pytest.mark.parametrize("form", ["pipe", "json"])
async def test_an_object_that_exists_is_told(exchange: Exchange, tenant: Tenant, form: str) -> None:
    tenant.switches.already_exists = form  # type: ignore[assignment]
    await exchange.apply(tenant.tenant_id, NEW, permit=allowed)

    with pytest.raises(AlreadyExists):
        await exchange.apply(tenant.tenant_id, NEW, permit=allowed)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"Identity": "nobody", "Enabled": True}, NotFound),
        ({"Identity": "ExchangeDefender", "Odd": True}, Invalid),
        ({"Identity": "ExchangeDefender", "ConnectorType": "Odd"}, Invalid),
        ({"Identity": "ExchangeDefender", "SenderIPAddresses": ("65.99.0.0/16",)}, Invalid),
    ],
    ids=["not_found", "unknown_parameter", "bad_value", "range_too_wide"],
)
async def test_a_refused_write_is_classed(
    exchange: Exchange, tenant: Tenant, parameters: dict[str, Value], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await exchange.apply(tenant.tenant_id, Step("exchange", "Set-InboundConnector", parameters), permit=allowed)


async def test_a_dehydrated_tenant_is_told_and_can_be_customised(exchange: Exchange, world: World) -> None:
    tenant = world.add_tenant("new.example", state="never_configured", dehydrated=True)
    customise = step("exchange", "Enable-OrganizationCustomization", Confirm=False)
    rule = step("exchange", "New-TransportRule", Name="Rule", MessageTypeMatches="OOF", StopRuleProcessing=True)

    with pytest.raises(NotCustomised):
        await exchange.apply(tenant.tenant_id, rule, permit=allowed)
    await exchange.apply(tenant.tenant_id, customise, permit=allowed)
    for _ in range(tenant.switches.hydration_reads + 1):
        await exchange.read(tenant.tenant_id, [Query("exchange", "Get-OrganizationConfig")])
    again = await exchange.apply(tenant.tenant_id, customise, permit=allowed)

    assert "already enabled" in again.warnings[0]


@pytest.mark.parametrize("diagnostics", [True, False])
@pytest.mark.parametrize("nul_gzip_label", [True, False])
async def test_a_role_that_is_missing_and_then_granted(
    exchange: Exchange, tenant: Tenant, *, diagnostics: bool, nul_gzip_label: bool
) -> None:
    roles = set(tenant.access.directory_roles)
    tenant.switches.diagnostics, tenant.switches.nul_gzip_label = diagnostics, nul_gzip_label
    tenant.access.directory_roles.clear()

    fact = (await exchange.read(tenant.tenant_id, [INBOUND]))[INBOUND]
    with pytest.raises(Forbidden):
        await exchange.apply(tenant.tenant_id, SET, permit=allowed)
    tenant.access.directory_roles |= roles
    after = (await exchange.read(tenant.tenant_id, [INBOUND]))[INBOUND]

    assert isinstance(fact, Unseen)
    assert "Assign the Exchange role 'View-Only Configuration' (role group Holdfast" in fact.remedy
    assert isinstance(after, Seen)


async def test_consent_that_is_missing_is_unseen_with_the_address_to_give_it(
    exchange: Exchange, tenant: Tenant
) -> None:
    tenant.access.consented = False

    facts = (await exchange.read(tenant.tenant_id, FAST_LANE)).values()

    assert all(isinstance(fact, Unseen) and "adminconsent" in fact.remedy for fact in facts)


async def test_tokens_that_expire_or_are_challenged_are_replaced(exchange: Exchange, tenant: Tenant) -> None:
    await exchange.read(tenant.tenant_id, [INBOUND])
    tenant.expire_tokens()
    expired = await exchange.read(tenant.tenant_id, FAST_LANE)
    tenant.demand_claims()
    challenged = await exchange.read(tenant.tenant_id, FAST_LANE)

    assert all(isinstance(fact, Seen) for found in (expired, challenged) for fact in found.values())
