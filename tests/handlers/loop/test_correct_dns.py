"""Records are put back on a real DNS server by signed updates: compared first, proven after, undone from the ledger."""

import asyncio
import base64

import pytest
import pytest_asyncio

from devhost.knot import KEY_NAME
from domain.corrections import MOST_CONFLICTS, MOST_SILENCES
from tests.handlers.conftest import fresh
from tests.handlers.primary import GUIDE, WITHOUT, ZONE, Admin, primary
from tests.handlers.web import ask, of
from tests.knot import knot_server  # noqa: F401 - a fixture

SECRET = "HOLDFAST_DNS_SECRET_KNOT"
TOKEN, DMARC = "MS=ms12345678", "v=DMARC1; p=none"


@pytest_asyncio.fixture
async def service(azurite_connection, knot):
    servers = ",".join(f"{host}:{knot.port}" for host in knot.hosts)
    secrets = {SECRET: knot.secret, f"{SECRET}_WRONG": base64.b64encode(b"x" * 32).decode()}
    async with fresh(azurite_connection, HOLDFAST_DNS_SERVERS=servers, **secrets) as service:
        yield service


@pytest_asyncio.fixture
async def way(knot):
    async with primary(knot) as way:
        yield way


@pytest_asyncio.fixture
async def admin(knot):
    admin = Admin(knot)
    await admin.publish(GUIDE, TOKEN)
    await admin.publish(DMARC, at="_dmarc.")
    return admin


@pytest_asyncio.fixture
async def tenant(service, way, admin):
    tenant = service.world.add_tenant(admin.domain)
    await service.look_after(tenant, dns=host(way))
    return tenant


def host(way, **config):
    about = {"kind": "rfc2136", "server": f"127.0.0.1:{way.port}", "key_name": KEY_NAME, "secret_setting": SECRET}
    return {ZONE: about | config}


async def look(service, tenant, *controls):
    """A check of the records, and what comes of it."""
    service.clock.advance(minutes=15)
    await service.check(tenant, controls=controls or ("spf", "dmarc"))
    await service.work()


async def events(service, tenant, control):
    return [entry.event for entry in await service.ledger(tenant, control)]


async def test_an_include_that_was_removed_is_put_back_and_proven(service, tenant, admin, way):
    await look(service, tenant)
    assert await service.states(tenant) == {"spf": "compliant", "dmarc": "compliant"}
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert await admin.sees() == {GUIDE: 900, TOKEN: 900}
    assert await events(service, tenant, "spf") == ["drift_found", "applying", "corrected"]
    corrected = (await service.ledger(tenant, "spf"))[-1]
    assert (corrected.before, corrected.after) == (
        {f"{admin.domain}: SPF": WITHOUT},
        {f"{admin.domain}: SPF": GUIDE},
    )
    assert corrected.steps[0].powershell.splitlines() == [
        f'update delete {admin.domain}. TXT "{WITHOUT}"',
        f'update add {admin.domain}. TXT "{GUIDE}"',
    ]
    await look(service, tenant)
    assert way.updates == 1


async def undone(service, tenant, control):
    """What comes of a person's wish to have the last correction undone."""
    return await undoing(service, tenant, control, (await service.ledger(tenant, control))[-1])


async def undoing(service, tenant, control, entry, told="state"):
    """What comes of a person's wish to have *entry* undone: the operation's state, or what its control is told."""
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{control}/undo", {"entry": entry.id})
    await service.work()
    operation = of(await ask(service, "GET", f"operations/{of(answer)['id']}"))
    return operation["state"] if told == "state" else operation["controls"][0][told]


async def test_what_was_put_back_can_be_undone_from_the_ledger_and_stays_so(service, tenant, admin):
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    assert await undone(service, tenant, "spf") == "succeeded"
    assert await admin.sees() == {WITHOUT: 900, TOKEN: 900}
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "excepted"
    assert await admin.sees() == {WITHOUT: 900, TOKEN: 900}


async def test_a_record_that_was_created_can_be_taken_back(service, tenant, admin):
    await admin.publish(at="_dmarc.")
    await look(service, tenant)
    assert await undone(service, tenant, "dmarc") == "succeeded"
    assert await admin.sees("_dmarc.") == {}


async def test_what_somebody_changed_since_is_not_undone(service, tenant, admin):
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    theirs = GUIDE.replace("-all", "ip4:203.0.113.7 -all")
    await admin.publish(theirs, TOKEN)
    assert await undone(service, tenant, "spf") == "needs_person"
    assert set(await admin.sees()) == {theirs, TOKEN}


async def test_a_missing_dmarc_record_is_created_once(service, tenant, admin, way):
    await admin.publish(at="_dmarc.")
    await look(service, tenant)
    await look(service, tenant)
    assert (await service.state(tenant, "dmarc")).state == "compliant"
    assert await admin.sees("_dmarc.") == {DMARC: 3600}
    assert way.updates == 1


async def test_a_first_spf_record_waits_for_a_person_and_refuses_nobody(service, tenant, admin, way):
    """Who else sends for the customer is not known: neither the mode nor a reprovision publishes it."""
    await admin.publish(TOKEN)
    await look(service, tenant, "spf")
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {"controls": ["spf"], "reason": "asked"})
    await service.work()
    waits = await service.state(tenant, "spf")
    assert (waits.state, way.updates) == ("awaiting_approval", 0)
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/spf/approve", {"plan": waits.plan})
    await service.work()
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert set(await admin.sees()) == {GUIDE.replace("-all", "~all"), TOKEN}


async def test_who_was_there_first_keeps_what_he_wrote(service, tenant, admin, way):
    """Between our look and our write the admin adds a sender: nothing of his is lost, and the include comes as well."""
    theirs = "v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    way.before.append(lambda: admin.publish(theirs, TOKEN))
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"  # who the new sender is, is for a person to say
    assert "'ip4:203.0.113.7'" in state.detail
    assert set(await admin.sees()) == {theirs.replace("v=spf1", "v=spf1 include:proxy.exchangedefender.com"), TOKEN}
    assert way.updates == 2
    told = [(entry.event, entry.detail) for entry in await service.ledger(tenant, "spf")]
    assert [event for event, _ in told] == [
        *("drift_found", "applying", "drift_found"),
        *("drift_found", "applying", "corrected", "needs_person"),
    ]
    assert told[2][1].endswith("no longer what was read: nothing was written")


async def test_a_stricter_dmarc_record_that_came_first_stays(service, tenant, admin, way):
    strict = "v=DMARC1; p=reject; rua=mailto:dmarc@northwind.example"
    way.before.append(lambda: admin.publish(strict, at="_dmarc."))
    await admin.publish(at="_dmarc.")
    await look(service, tenant)
    assert (await service.state(tenant, "dmarc")).state == "compliant"
    assert set(await admin.sees("_dmarc.")) == {strict}


async def test_of_two_workers_at_once_one_writes(service, tenant, admin, way):
    await admin.publish(WITHOUT, TOKEN)
    await asyncio.gather(*(service.remediate(tenant, "spf") for _ in range(2)))
    assert set(await admin.sees()) == {GUIDE, TOKEN}
    assert way.updates == 1


async def test_an_answer_that_is_lost_is_looked_for_and_not_written_again(service, tenant, admin, way):
    async def lose():
        raise ConnectionError

    way.after.append(lose)
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert way.updates == 1
    assert (await events(service, tenant, "spf"))[-1] == "corrected"


async def test_a_worker_that_dies_after_the_write_is_taken_up_by_the_next(service, tenant, admin, way):
    await admin.publish(WITHOUT, TOKEN)
    working = asyncio.create_task(service.remediate(tenant, "spf"))

    async def die():
        working.cancel()
        raise ConnectionError

    way.after.append(die)
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await service.state(tenant, "spf")).state == "correcting"
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert (await events(service, tenant, "spf"))[-1] == "corrected"
    assert way.updates == 1


async def test_a_provider_that_refuses_is_told_with_what_to_grant(service, tenant, admin, way):
    await service.look_after(tenant, dns=host(way, secret_setting=f"{SECRET}_WRONG"))
    await admin.publish(WITHOUT, TOKEN)
    for _ in range(3):
        await look(service, tenant)
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert "Give the DNS server this key" in state.detail
    assert set(await admin.sees()) == {WITHOUT, TOKEN}
    assert (await events(service, tenant, "spf")).count("applying") == 1


async def test_a_secret_that_is_missing_is_told_by_its_settings_name(service, tenant, admin, way):
    await service.look_after(tenant, dns=host(way, secret_setting=f"{SECRET}_GONE"))
    await admin.publish(WITHOUT)
    await look(service, tenant)
    assert f"{SECRET}_GONE: is missing" in (await service.state(tenant, "spf")).detail


async def test_a_provider_that_holds_another_zone_than_the_world_asks_is_told(service, tenant, admin, way):
    """Every look shows a drift that the provider denies: nothing is written, and it does not go on for ever."""

    async def elsewhere():
        await admin.publish("v=spf1 a -all", TOKEN)

    async def back():
        await admin.publish(WITHOUT, TOKEN)

    await admin.publish(WITHOUT, TOKEN)
    for _ in range(MOST_CONFLICTS):
        way.before[:], way.after[:] = [elsewhere] * 9, [back] * 9
        await service.remediate(tenant, "spf", attempt=15)  # long kept by something else, which is not its fault
        assert (await service.state(tenant, "spf")).state == "drifted"
    await service.remediate(tenant, "spf")
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert "is it the provider of this zone?" in state.detail
    assert set(await admin.sees()) == {WITHOUT, TOKEN}


async def test_a_provider_that_cannot_be_reached_is_tried_again_later(service, tenant, admin, way):
    await service.look_after(tenant, dns=host(way, server="127.0.0.1:1"))
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "drifted"
    assert await service.hidden("remediations") == 1
    await service.look_after(tenant, dns=host(way))
    await look(service, tenant)
    assert (await service.state(tenant, "spf")).state == "compliant"


async def test_a_provider_that_cannot_be_reached_keeps_nothing_else_from_being_put_back(service, admin, way):
    tenant = service.world.add_tenant(admin.domain)
    await service.look_after(tenant, dns=host(way, server="127.0.0.1:1"))
    await admin.publish(WITHOUT, TOKEN)
    tenant.admin("Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies")
    await look(service, tenant, "spf", "oof-rule")
    assert (await service.state(tenant, "spf")).state == "drifted"
    assert (await service.state(tenant, "oof-rule")).state == "compliant"
    assert await service.hidden("remediations") == 1


async def test_a_provider_that_stays_silent_is_told_to_a_person_and_left_alone(service, tenant, admin, way):
    await service.look_after(tenant, dns=host(way, server="127.0.0.1:1"))
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant, "spf")
    for _ in range(MOST_SILENCES - 1):
        await service.remediate(tenant, "spf", attempt=15)  # long kept by something else, which is not its fault
        assert (await service.state(tenant, "spf")).state == "drifted"
    await service.remediate(tenant, "spf")
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert "the zone's DNS provider cannot be reached" in state.detail
    told = len(await service.ledger(tenant, "spf"))
    await look(service, tenant, "spf")
    assert len(await service.ledger(tenant, "spf")) == told


async def test_without_a_provider_the_exact_record_is_proposed_in_state_and_ledger(service, tenant, admin, way):
    await service.look_after(tenant)
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    state = await service.state(tenant, "spf")
    assert (state.state, state.detail) == (
        "needs_person",
        f'{admin.domain}: publish TXT "{GUIDE}" in place of "{WITHOUT}"',
    )
    assert (await service.ledger(tenant, "spf"))[-1].detail == state.detail
    assert way.updates == 0


@pytest.mark.parametrize(("mode", "state"), [("observe", "drifted"), ("approve", "awaiting_approval")])
async def test_nothing_is_written_where_nobody_allowed_it(service, tenant, admin, way, mode, state):
    await service.look_after(tenant, dns=host(way), mode=mode)
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    found = await service.state(tenant, "spf")
    assert found.state == state
    assert found.steps[0].powershell.endswith(f'TXT "{GUIDE}"')
    assert way.updates == 0


HOPELESS = {
    "two records": ("v=spf1 -all", WITHOUT),
    "broken syntax": ("v=spf1 include: -all",),
    "not ASCII": (r"v=spf1 include:\233.example -all",),
    "a loop": ("v=spf1 include:{domain} -all",),
    "parked": ("v=spf1 -all",),
    "64 kB of text": (" ".join(["v=spf1"] + ["ip4:192.0.2.1"] * 15), *(f"{n:03d}{'x' * 250}" for n in range(200))),
}


@pytest.mark.parametrize("texts", HOPELESS.values(), ids=list(HOPELESS))
async def test_what_makes_no_sense_is_a_persons_case_and_never_a_write(service, tenant, admin, way, texts):
    await admin.publish(*(text.format(domain=admin.domain) for text in texts))
    await look(service, tenant, "spf")
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert admin.domain in state.detail
    assert way.updates == 0


async def test_a_write_that_never_arrived_is_made_again_as_one_held_to_what_was_read_makes_no_twin(
    service, tenant, admin, way
):
    async def lose():
        raise ConnectionError

    way.before.append(lose)
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    for _ in range(2):
        await service.remediate(tenant, "spf")
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert set(await admin.sees()) == {GUIDE, TOKEN}


async def test_dkim_records_are_published_before_signing_is_switched_on_and_microsoft_may_take_its_time(
    service, tenant, admin, way
):
    hosts = [f"selector{n}._domainkey." for n in (1, 2)]
    for at in hosts:
        service.world.dns.remove(f"{at}{admin.domain}", "CNAME")
    tenant.admin("Set-DkimSigningConfig", Identity=admin.domain, Enabled=False)
    [config] = tenant.admin("Get-DkimSigningConfig", Identity=admin.domain)
    targets = [config["Selector1CNAME"].lower(), config["Selector2CNAME"].lower()]
    await look(service, tenant, "dkim")
    state = await service.state(tenant, "dkim")
    assert [list(await admin.sees(at, "CNAME")) for at in hosts] == [[f"{target}."] for target in targets]
    assert state.state == "held"
    assert "CNAME record does not exist" in state.detail
    assert "Tried again every 6 hours until 2026-11-27" in state.detail
    for at, target in zip(hosts, targets, strict=True):
        service.world.dns.set(f"{at}{admin.domain}", "CNAME", f"{target}.")
    service.clock.advance(hours=6)
    await look(service, tenant, "dkim")
    assert (await service.state(tenant, "dkim")).state == "compliant"
    assert [entry.cmdlet for entry in tenant.writes if entry.changed] == ["Set-DkimSigningConfig"]
    published = next(
        e for e in await service.ledger(tenant, "dkim") if e.event == "applying" and len(e.steps) == len(hosts)
    )
    assert "is signed with DKIM and needs this record" in await undoing(service, tenant, "dkim", published, "detail")
    assert way.updates == 2


async def test_a_domain_that_cannot_be_read_holds_no_other_back_and_nothing_is_compliant(service, tenant, admin, way):
    """The record of one is put back and proven while nobody can tell what the other's is."""
    tenant.add_domain(f"loop.{admin.domain}")
    await admin.publish(f"pool.{admin.domain}.", at="loop.", rtype="CNAME")
    await admin.publish(f"loop.{admin.domain}.", at="pool.", rtype="CNAME")
    await look(service, tenant, "spf")
    assert (await service.state(tenant, "spf")).state == "unknown"
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant, "spf")
    assert await admin.sees() == {GUIDE: 900, TOKEN: 900}
    assert (await events(service, tenant, "spf"))[-4:] == ["drift_found", "applying", "corrected", "unreadable"]
    state = await service.state(tenant, "spf")
    assert state.state == "unknown"
    assert f"loop.{admin.domain}: " in state.detail
    assert way.updates == 1


@pytest.mark.parametrize(("rtype", "wild"), [("CNAME", "elsewhere.example."), ("TXT", "v=spf1 -all")])
async def test_dkim_records_are_published_where_only_a_wildcard_speaks(service, tenant, admin, way, rtype, wild):
    await admin.publish(wild, at="*.", rtype=rtype)
    await look(service, tenant, "dkim")
    assert (await service.state(tenant, "dkim")).state == "compliant"
    for at in ("selector1._domainkey.", "selector2._domainkey."):
        [target] = await admin.sees(at, "CNAME")
        assert target.startswith(at.partition(".")[0])
    assert way.updates == 2


async def test_an_alias_at_the_domain_is_a_persons_to_judge(service, tenant, admin, way):
    """Its records are somebody else's: what they lack is seen, and nothing is put beside an alias."""
    other = Admin(admin.knot)
    await other.publish(WITHOUT)
    await admin.publish()
    await admin.publish(f"{other.domain}.", rtype="CNAME")
    await look(service, tenant, "spf")
    state = await service.state(tenant, "spf")
    assert state.state == "needs_person"
    assert f"{admin.domain} is an alias of {other.domain}" in state.detail
    assert way.updates == 0


async def test_a_dmarc_name_that_is_an_alias_to_nowhere_gets_no_record_beside_it(service, tenant, admin, way):
    await admin.publish(at="_dmarc.")
    await admin.publish(f"gone.{admin.domain}.", at="_dmarc.", rtype="CNAME")
    await look(service, tenant, "dmarc")
    state = await service.state(tenant, "dmarc")
    assert (state.state, way.updates) == ("needs_person", 0)
    assert f"_dmarc.{admin.domain} is an alias of gone.{admin.domain}" in state.detail


async def test_a_record_that_waits_for_approval_is_published_once_a_person_says_yes(service, tenant, admin, way):
    await service.look_after(tenant, dns=host(way), controls={"spf": {"mode": "approve"}})
    await admin.publish(WITHOUT, TOKEN)
    await look(service, tenant)
    shown = await service.state(tenant, "spf")
    await admin.publish(WITHOUT, TOKEN, "google-site-verification=1")
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/spf/approve", {"plan": shown.plan})
    await service.work()
    assert way.updates == 0
    again = await service.state(tenant, "spf")
    assert (again.state, again.plan != shown.plan) == ("awaiting_approval", True)
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/spf/approve", {"plan": again.plan})
    await service.work()
    assert set(await admin.sees()) == {GUIDE, TOKEN, "google-site-verification=1"}


@pytest.mark.parametrize(
    ("dns", "named"),
    [
        ({ZONE: {"kind": "route53"}}, f"body.dns.{ZONE}"),
        ({"a..b": {"kind": "cloudflare", "secret_setting": SECRET}}, "body.dns.a..b"),
        ({ZONE: {"kind": "cloudflare", "secret_setting": "HOLDFAST_CLIENT_SECRET"}}, "secret_setting"),
        ({ZONE: {"kind": "cloudflare", "secret_setting": f"{SECRET}_GONE"}}, f"{SECRET}_GONE: is missing"),
    ],
    ids=["unknown_kind", "no_zone", "a_setting_of_the_service", "missing_secret"],
)
async def test_a_config_whose_provider_cannot_be_is_refused_with_what_is_wrong(service, tenant, dns, named):
    config = {"tenant_id": tenant.tenant_id, "name": "n", "initial_domain": "n.onmicrosoft.com", "dns": dns}
    answer = await ask(service, "PUT", f"tenants/{tenant.tenant_id}", config)
    assert answer.status_code == 422
    assert named in of(answer)["detail"]
