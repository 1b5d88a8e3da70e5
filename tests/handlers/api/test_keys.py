"""A key has a name, roles and an end, and can be ended before: then nobody gets in with it, on any instance."""

import base64
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from pydantic import ValidationError

from clients import settings
from clients.settings import SettingsError
from domain.access import ApiKey
from tests.handlers.harness import Service
from tests.handlers.web import ask, of
from tests.test_function_app import SETTINGS


def entry(name, key, **more):
    return {"name": name, "sha256": sha256(key.encode()).hexdigest(), "roles": ["Reader"]} | more


@pytest.fixture
def environment():
    keys = [entry("nightly", "n"), entry("short", "s", until="2026-11-23T13:00:00Z"), entry("umlaut", "schl\u00fcssel")]
    return {"HOLDFAST_KEYS": json.dumps(keys)}


async def test_a_key_that_is_ended_is_refused_on_every_instance_within_ten_seconds(service):
    elsewhere = Service(service.clients, service.clock, service.world, service.queues, service.microsoft, service.web)
    for instance in (service, elsewhere):
        assert (await ask(instance, "GET", "brake", key="n")).status_code == 200
    assert (await ask(service, "DELETE", "keys/nightly")).status_code == 204
    service.clock.advance(seconds=10)
    for instance in (service, elsewhere):
        refused = await ask(instance, "GET", "brake", key="n")
        assert (refused.status_code, of(refused)["detail"]) == (401, "x-functions-key: the key nightly was ended")
    assert (await ask(service, "GET", "brake")).status_code == 200


async def test_the_service_s_own_ledger_says_who_ended_a_key_once(service):
    for _ in range(2):
        assert (await ask(service, "DELETE", "keys/nightly")).status_code == 204
    [told] = await service.clients.storage.ledger.page("service")
    assert (told.event, told.detail, told.actor) == ("key_ended", "nightly", "key dev")


async def test_a_new_key_of_an_ended_name_is_another_key(service):
    await ask(service, "DELETE", "keys/nightly")
    renewed = service.clients.settings.model_copy(update={"keys": (ApiKey.model_validate(entry("nightly", "new")),)})
    later = replace(service, clients=replace(service.clients, settings=renewed))
    assert (await ask(later, "GET", "brake", key="new")).status_code == 200
    assert (await ask(later, "GET", "brake", key="n")).status_code == 401


async def test_a_key_ends_at_its_time(service):
    assert (await ask(service, "GET", "brake", key="s")).status_code == 200
    service.clock.advance(hours=1)
    refused = await ask(service, "GET", "brake", key="s")
    assert (refused.status_code, of(refused)["detail"]) == (401, "x-functions-key: the key short has expired")


async def test_a_key_of_any_letters_is_compared_by_its_bytes(service):
    assert (await ask(service, "GET", "brake", key="schl\u00fcssel")).status_code == 200


async def test_a_key_that_is_none_cannot_be_ended(service):
    refused = await ask(service, "DELETE", "keys/nobody")
    assert (refused.status_code, of(refused)["detail"]) == (404, "there is no key 'nobody'")


async def test_where_nobody_could_call_health_names_the_setting(service):
    closed = service.clients.settings.model_copy(update={"keys": (), "dev_key": ""})
    alone = replace(service, clients=replace(service.clients, settings=closed))
    answer = await ask(alone, "GET", "health", key=None)
    assert (answer.status_code, "HOLDFAST_KEYS" in of(answer)["detail"]) == (503, True)


async def test_a_browser_opens_the_page_for_people_with_the_key_as_password(service):
    asked = await ask(service, "GET", "docs", key=None)
    assert (asked.status_code, asked.headers["www-authenticate"][:5]) == (401, "Basic")
    shown = base64.b64encode(b"ann:n").decode()
    page = await ask(service, "GET", "docs", key=None, authorization=f"Basic {shown}")
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    elsewhere = await ask(service, "GET", "brake", key=None, authorization=f"Basic {shown}")
    odd = await ask(service, "GET", "docs", key=None, authorization="Basic ???")
    assert (elsewhere.status_code, odd.status_code) == (401, 401)


BAD = {
    "no_json": "[",
    "no_list": '"x"',
    "no_objects": "[1]",
    "no_hash": json.dumps([{"name": "a", "roles": ["Reader"]}]),
    "a_key_instead": json.dumps([{"name": "a", "sha256": "secret", "roles": ["Reader"]}]),
    "no_role": json.dumps([entry("a", "a", roles=[])]),
    "other_role": json.dumps([entry("a", "a", roles=["Root"])]),
    "no_zone": json.dumps([entry("a", "a", until="2027-01-01T00:00:00")]),
    "twice": json.dumps([entry("a", "a"), entry("a", "b")]),
    "named_dev": json.dumps([entry("dev", "a")]),
    "unknown_field": json.dumps([entry("a", "a", value="x")]),
}


@pytest.mark.parametrize("value", BAD.values(), ids=list(BAD))
def test_a_malformed_list_stops_the_start_with_a_line_that_repeats_no_value(value):
    with pytest.raises(SettingsError, match=r"^HOLDFAST_KEYS: .*should be a JSON list") as refused:
        settings.load(SETTINGS | {"HOLDFAST_KEYS": value})
    assert "secret" not in str(refused.value)


def test_a_name_fits_into_the_ledger_and_a_path():
    for name in ("", "a b", "a/b", "\u00e4", "x" * 65, "-a"):
        with pytest.raises(ValidationError):
            ApiKey.model_validate(entry(name, "k"))
