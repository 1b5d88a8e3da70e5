from datetime import timedelta

import pytest

from clients.entra.clouds import ENDPOINTS
from clients.errors import Throttled, Unreadable
from clients.graph.alerts import A_MINUTE, MOST_SKIPPED, Alerts, Listing
from clients.storage.alerts import Spent
from tests.clients.conftest import allowed

MOMENT, LATER = "2026-08-11T14:00:00Z", "2026-08-11T14:00:01Z"


@pytest.fixture
def alerts(http, credentials, clock):
    return Alerts(http, credentials, ENDPOINTS["global"], now=clock)


async def everything(pages):
    return [raw async for page in pages for raw in page]


@pytest.mark.parametrize("paging", ["link", "none"])
async def test_every_alert_is_listed_once_whether_or_not_the_service_gives_links(alerts, tenant, clock, paging):
    tenant.switches.alert_paging = paging
    since = clock()
    for _ in range(230):
        clock.advance(seconds=0.1)
        tenant.alerts.raise_alert()

    listed = await everything(alerts.changed(tenant.tenant_id, since))

    assert sorted(raw["id"] for raw in listed) == sorted(tenant.alerts.rows)


async def test_what_is_resolved_is_not_among_the_unresolved(alerts, tenant, clock):
    kept, closed = (tenant.alerts.raise_alert()["id"] for _ in range(2))
    tenant.alerts.person(closed, status="resolved")

    listed = await everything(alerts.unresolved(tenant.tenant_id, clock() - timedelta(days=1)))

    assert [raw["id"] for raw in listed] == [kept]


async def test_a_minutes_allowance_is_not_exceeded_and_comes_back_with_the_next(alerts, tenant, clock):
    alert_id = tenant.alerts.raise_alert()["id"]
    for _ in range(A_MINUTE):
        await alerts.get(tenant.tenant_id, alert_id)
    asked = tenant.http_requests["graph"]

    with pytest.raises(Throttled) as caught:
        await alerts.get(tenant.tenant_id, alert_id)

    assert (caught.value.retry_after_s, tenant.http_requests["graph"]) == (60, asked)
    clock.advance(minutes=1)
    assert (await alerts.get(tenant.tenant_id, alert_id))["id"] == alert_id


async def test_what_another_worker_spent_counts(alerts, tenant, clock):
    alerts.go_on_from(tenant.tenant_id, Spent(began=clock(), requests=A_MINUTE))

    with pytest.raises(Throttled):
        await alerts.each(tenant.tenant_id, ["one"])


async def test_an_alert_is_changed_and_commented(alerts, tenant):
    alert_id = tenant.alerts.raise_alert()["id"]

    changed = await alerts.change(tenant.tenant_id, alert_id, {"status": "resolved"}, permit=allowed)
    await alerts.comment(tenant.tenant_id, alert_id, "Delivered by the filter.", permit=allowed)

    assert changed["status"] == "resolved"
    assert [each["comment"] for each in tenant.alerts.rows[alert_id]["comments"]] == ["Delivered by the filter."]


@pytest.mark.parametrize(
    ("times", "skip", "goes_on"),
    [
        ((MOMENT, LATER), 0, (LATER, 0)),
        ((MOMENT, MOMENT), 0, (MOMENT, 100)),
        ((MOMENT, MOMENT), 400, (MOMENT, MOST_SKIPPED)),
    ],
)
def test_a_listing_without_links_goes_on_from_the_last_time(times, skip, goes_on):
    page = [{"createdDateTime": time} for time in times]
    following = Listing("createdDateTime", MOMENT, skip=skip).after(page)
    assert (following.since, following.skip) == goes_on


@pytest.mark.parametrize(("page", "skip"), [([{}], 0), (["odd"], 0), ([{"createdDateTime": MOMENT}], MOST_SKIPPED)])
def test_a_listing_that_cannot_go_on_is_no_end_of_it(page, skip):
    with pytest.raises(Unreadable):
        Listing("createdDateTime", MOMENT, skip=skip).after(page)
