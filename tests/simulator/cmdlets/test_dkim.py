from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

DOMAIN = "fabrikam.example"


async def config(caller: Caller) -> dict[str, Any]:
    return (await caller.value("Get-DkimSigningConfig"))[0]


async def create(caller: Caller, **changed: Any) -> dict[str, Any]:
    settings = {"DomainName": DOMAIN, "KeySize": 2048, "Enabled": False} | changed
    return (await caller.value("New-DkimSigningConfig", **settings))[0]


def publish(caller: Caller, row: dict[str, Any]) -> None:
    for number in (1, 2):
        target = row[f"Selector{number}CNAME"].upper()
        caller.tenant.world.dns.set(f"selector{number}._domainkey.{DOMAIN}", "CNAME", f"{target}.")


async def test_a_healthy_domain_signs(caller: Caller) -> None:
    row = await config(caller)

    assert (row["Domain"], row["Enabled"], row["Status"]) == ("northwindlegal.example", True, "Valid")


async def test_a_custom_domain_has_no_config_at_first(fresh: Caller) -> None:
    assert await fresh.value("Get-DkimSigningConfig") == []


async def test_signing_goes_on_after_the_cnames_are_published(fresh: Caller) -> None:
    row = await create(fresh)
    refused = error_of(await fresh.run("Set-DkimSigningConfig", Identity=DOMAIN, Enabled=True))
    publish(fresh, row)

    accepted = await fresh.run("Set-DkimSigningConfig", Identity=DOMAIN, Enabled=True)

    assert row["Status"] == "CnameMissing"
    assert refused[:2] == (400, "ValidationException")
    assert row["Selector1CNAME"] in refused[2]
    assert row["Selector2CNAME"] in refused[2]
    assert accepted.status_code == 200
    assert ((await config(fresh))["Enabled"], (await config(fresh))["Status"]) == (True, "Valid")


async def test_one_cname_of_two_is_not_enough(fresh: Caller) -> None:
    publish(fresh, await create(fresh))
    fresh.tenant.world.dns.remove(f"selector2._domainkey.{DOMAIN}", "CNAME")

    assert (await fresh.run("Set-DkimSigningConfig", Identity=DOMAIN, Enabled=True)).status_code == 400


@pytest.mark.parametrize("kept", [True, False])
async def test_new_with_signing_on_fails_and_may_leave_the_config_behind(fresh: Caller, *, kept: bool) -> None:
    fresh.tenant.switches.dkim_new_keeps_config = kept

    answer = await fresh.run("New-DkimSigningConfig", DomainName=DOMAIN, Enabled=True)

    assert answer.status_code == 400
    assert [row["Enabled"] for row in await fresh.value("Get-DkimSigningConfig")] == ([False] if kept else [])


async def test_the_targets_follow_one_of_two_schemes(fresh: Caller) -> None:
    new = (await create(fresh))["Selector1CNAME"]
    fresh.tenant.switches.dkim_scheme = "old"
    old = (await config(fresh))["Selector1CNAME"]

    assert old == "selector1-fabrikam-example._domainkey.fabrikamexample.onmicrosoft.com"
    assert new.startswith("selector1-fabrikam-example._domainkey.fabrikamexample.")
    assert new.endswith("-v1.dkim.mail.microsoft")


@pytest.mark.parametrize("changed", [{"DomainName": "stranger.example"}, {"KeySize": 512}])
async def test_a_foreign_domain_or_an_odd_key_size_is_refused(fresh: Caller, changed: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"DomainName": DOMAIN, "Enabled": False} | changed

    assert (await fresh.run("New-DkimSigningConfig", **settings)).status_code in {400, 404}


async def test_a_config_is_made_once_and_its_key_size_is_not_set_later(fresh: Caller) -> None:
    await create(fresh)

    again = await fresh.run("New-DkimSigningConfig", DomainName=DOMAIN, Enabled=False)
    resized = await fresh.run("Set-DkimSigningConfig", Identity=DOMAIN, KeySize=2048)

    assert error_of(again)[1] == "ADObjectAlreadyExistsException"
    assert error_of(resized)[1] == "AmbiguousParameterSetException"


async def test_microsofts_view_of_dns_can_lag_behind(caller: Caller) -> None:
    caller.tenant.switches.dkim_status = "CnameMissing"

    assert (await config(caller))["Status"] == "CnameMissing"


async def test_only_a_signing_domain_rotates(caller: Caller, fresh: Caller) -> None:
    await create(fresh)
    before = await config(caller)

    await caller.run("Rotate-DkimSigningConfig", Identity="northwindlegal.example", KeySize=2048, Confirm=False)
    refused = await fresh.run("Rotate-DkimSigningConfig", Identity=DOMAIN, KeySize=2048, Confirm=False)

    assert (await config(caller))["SelectorAfterRotateOnDate"] == before["SelectorBeforeRotateOnDate"]
    assert refused.status_code == 400
