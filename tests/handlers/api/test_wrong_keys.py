"""Who tries keys is answered 429 at once, and told of once an hour."""

import pytest

from domain.incident import SERVICE
from handlers.api.wrong_keys import MOST_WRONG, address_of
from tests.handlers.harness import START
from tests.handlers.web import ask, of


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("", ""),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50123", "203.0.113.7"),
        ("10.0.0.1, 198.51.100.4,203.0.113.7:50123", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("x" * 9000, "x" * 64),
    ],
)
def test_the_last_address_counts(header, address):
    assert address_of(header) == address


async def tries(service, times, address="203.0.113.7", key="wrong"):
    return [
        (await ask(service, "GET", "tenants", key=key, x_forwarded_for=f"10.0.0.{n}, {address}")).status_code
        for n in range(times)
    ]


async def test_after_ten_wrong_keys_of_a_minute_an_address_waits_and_no_other(service):
    assert await tries(service, MOST_WRONG) == [401] * MOST_WRONG
    refused = await ask(service, "GET", "tenants", x_forwarded_for="1.2.3.4, 203.0.113.7:9")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "too many wrong keys" in of(refused)["detail"]
    assert (await ask(service, "GET", "tenants", x_forwarded_for="203.0.113.8")).status_code == 200
    assert (await ask(service, "GET", "health", key=None, x_forwarded_for="203.0.113.7")).status_code == 200
    service.clock.advance(seconds=61)
    assert (await ask(service, "GET", "tenants", x_forwarded_for="203.0.113.7")).status_code == 200


async def test_a_caller_without_a_key_is_no_guess(service):
    assert await tries(service, MOST_WRONG + 5, key=None) == [401] * (MOST_WRONG + 5)


async def test_operators_are_told_once_an_hour_with_the_count(service):
    service.clock.advance(seconds=-service.clock().timestamp() % 3600)
    for _ in range(6):
        await tries(service, MOST_WRONG + 3)
        service.clock.advance(minutes=5)
    service.clock.advance(hours=1)
    await tries(service, MOST_WRONG)
    told = [each.detail for each in await service.clients.storage.ledger.events(SERVICE, START, "incident")]
    assert [each.split(":")[1].split()[0] for each in told] == ["60", "10"]


async def test_where_no_front_end_says_who_calls_nobody_is_made_to_wait_for_others(service):
    for _ in range(MOST_WRONG + 1):
        assert (await ask(service, "GET", "tenants", key="wrong")).status_code == 401
    assert (await ask(service, "GET", "tenants")).status_code == 200
