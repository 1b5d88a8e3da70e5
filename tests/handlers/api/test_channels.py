"""The channels over HTTP: which there are, and whether they take a test. No URL is in an answer."""

from collections.abc import Iterator

import pytest

from tests.handlers.web import ask, of
from tests.receiver import Receiver, receiver


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest.fixture
def environment(ops):
    return {
        "HOLDFAST_NOTIFY": "notify-ops",
        "HOLDFAST_NOTIFY_OPS": f"json://127.0.0.1:{ops.port}/secret-path",
        "HOLDFAST_NOTIFY_NOC": "json://127.0.0.1:1/nobody",
    }


async def test_channels_are_listed_by_name_and_without_their_urls(service):
    answer = await ask(service, "GET", "channels")
    assert [(each["name"], each["scheme"], each["operators"]) for each in of(answer)] == [
        ("notify-noc", "json", False),
        ("notify-ops", "json", True),
    ]
    assert b"secret-path" not in answer.get_body()


async def test_a_test_reaches_the_channel_and_says_which_did_not_take_it(service, ops):
    found = of(await ask(service, "POST", "channels/test", {}))
    assert [(each["channel"], each["ok"]) for each in found] == [("notify-noc", False), ("notify-ops", True)]
    assert found[0]["detail"] == "notify-noc did not take the notice"
    [body] = ops.bodies
    assert body["title"] == "[test #0] Holdfast can send notices here"
    assert "key dev has asked for this" in body["message"]


async def test_only_those_named_are_tried(service, ops):
    assert of(await ask(service, "POST", "channels/test", {"channels": ["notify-ops"]})) == [
        {"channel": "notify-ops", "ok": True, "detail": ""}
    ]
    assert len(ops.bodies) == 1
    assert (await ask(service, "POST", "channels/test", {"channels": ["notify-gone"]})).status_code == 422
