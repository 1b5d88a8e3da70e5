"""The simulated ticket systems sign, retry and refuse as docs/reference/psa.md says the real ones do."""

import pytest

from tests.simulator.psa.calls import ask

RETRIES = {
    "connectwise_after_429": ("connectwise", 429, [2.0, 4.0, None]),
    "connectwise_not_after_500": ("connectwise", 500, [None]),
    "connectwise_not_after_silence": ("connectwise", None, [None]),
    "autotask_after_anything": ("autotask", 500, [30.0] * 4 + [None]),
    "autotask_not_when_taken": ("autotask", 202, [None]),
    "halopsa_never": ("halopsa", 500, [None]),
}


@pytest.mark.parametrize(("name", "status", "pauses"), RETRIES.values(), ids=list(RETRIES))
def test_each_vendor_comes_again_as_often_as_it_does(systems, name, status, pauses):
    system = systems.by_name[name]
    system.opens("4711", company=250, status=1)
    first = system.deliveries[0]
    attempts = [
        type(first)(first.system, first.headers, first.body, first.ticket, attempt=number)
        for number in range(1, len(pauses) + 1)
    ]
    assert [system.retry_after_s(each, status) for each in attempts] == pauses


def test_what_is_for_none_of_them_is_left_to_the_others(systems):
    assert ask(systems, "outlook.office365.com", "GET", "/adminapi") is None
