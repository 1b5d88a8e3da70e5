from datetime import timedelta

import pytest

from clients.entra.clouds import ENDPOINTS
from clients.errors import Forbidden, NotFound, NotLicensed, Throttled
from clients.graph.activity import CONTENT_TYPES, Activity, NoSubscription

EXCHANGE = CONTENT_TYPES[0]


@pytest.fixture
def activity(http, credentials):
    return Activity(http, credentials, ENDPOINTS["global"], "0d9d3a5e-6f0b-4f0a-8f6e-2a2b8f5f9c11")


async def content(activity, tenant, clock):
    pages = activity.content(tenant.tenant_id, EXCHANGE, clock() - timedelta(hours=1), clock())
    return [blob async for page in pages for blob in page]


async def test_a_subscription_is_started_once_and_asked_for_again_without_harm(activity, tenant):
    assert await activity.enabled(tenant.tenant_id) == frozenset()
    for _ in range(2):
        await activity.start(tenant.tenant_id, EXCHANGE)
    assert await activity.enabled(tenant.tenant_id) == {EXCHANGE}


async def test_what_came_up_is_listed_over_all_pages_and_fetched(activity, tenant, clock):
    await activity.start(tenant.tenant_id, EXCHANGE)
    tenant.switches.feed_page = 2
    for number in range(5):
        tenant.feed.add({"Operation": f"Set-{number}"})
    clock.advance(seconds=1)

    found = await content(activity, tenant, clock)

    records = [record for blob in found for record in await activity.fetch(tenant.tenant_id, blob)]
    assert [record["Operation"] for record in records] == [f"Set-{number}" for number in range(5)]


async def test_content_that_is_gone_is_not_found(activity, tenant, clock):
    await activity.start(tenant.tenant_id, EXCHANGE)
    tenant.feed.add({}, expired=True)
    clock.advance(seconds=1)
    [blob] = await content(activity, tenant, clock)

    with pytest.raises(NotFound):
        await activity.fetch(tenant.tenant_id, blob)


async def test_without_a_subscription_nothing_is_listed(activity, tenant, clock):
    with pytest.raises(NoSubscription):
        await content(activity, tenant, clock)


async def test_a_plan_without_auditing_and_a_missing_grant_are_told_apart(activity, tenant):
    tenant.switches.audit_licensed = False
    with pytest.raises(NotLicensed):
        await activity.enabled(tenant.tenant_id)


async def test_a_missing_grant_is_told_with_the_address_to_give_it(activity, tenant):
    tenant.access.permissions.clear()
    with pytest.raises(Forbidden) as caught:
        await activity.enabled(tenant.tenant_id)
    assert "adminconsent" in caught.value.remedy


async def test_too_many_requests_are_a_wait_whatever_their_status(activity, tenant):
    tenant.feed.refusals.extend([(403, "AF429")] * 5)
    with pytest.raises(Throttled):
        await activity.enabled(tenant.tenant_id)


async def test_our_object_id_is_the_one_in_the_token(activity, tenant):
    assert await activity.object_id(tenant.tenant_id)
