from datetime import UTC, datetime, timedelta

from clients.cache import ExpiringCache

NOW = datetime(2026, 8, 11, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def test_a_value_is_kept_until_its_expiry_and_not_at_it() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, LATER)

    assert cache.get("a", LATER - timedelta(microseconds=1)) == 1
    assert cache.get("a", LATER) is None
    assert len(cache) == 0


def test_the_value_used_longest_ago_makes_room() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, LATER)
    cache.put("b", 2, LATER)
    cache.get("a", NOW)
    cache.put("c", 3, LATER)

    assert [cache.get(key, NOW) for key in "abc"] == [1, None, 3]


def test_a_value_can_be_replaced_and_dropped() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(1)
    cache.put("a", 1, LATER)
    cache.put("a", 2, LATER)

    assert cache.get("a", NOW) == 2
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a", NOW) is None
