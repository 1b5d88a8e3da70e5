"""The three ticket systems behind one Protocol: what each does in its own way, and how each fails."""

from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
import respx
import stamina

from clients.errors import Forbidden, Invalid, NotFound, Redirected, Throttled, Unauthorised, Unreachable, Unreadable
from clients.http import Http, make_client
from clients.psa import systems
from clients.settings import load
from simulator.world import World
from tests.clients.test_settings import GOOD
from tests.handlers.harness import Clock
from tests.handlers.tickets.msp import AGENT, COMPANY, STATUS, desk_of, in_every_system, settings
from tests.mount import mount

KEY = "hf-0123456789abcdef01234567"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def world(clock):
    return World(clock=clock)


@pytest.fixture
def provider():
    return "autotask"


@pytest.fixture
def system(world, provider):
    found = world.psa.by_name[provider]
    found.companies = {COMPANY}
    return found


@pytest.fixture
def router(world):
    with respx.mock(assert_all_called=False) as router:
        mount(router, world)
        yield router


@pytest_asyncio.fixture
async def psa(router, clock, provider):  # noqa: ARG001 - it answers
    async with make_client() as web:
        environ = GOOD | settings(provider, **desk_of(provider))
        yield systems.connect_ticket_systems(load(environ), Http(web, now=clock), web, now=clock).by_provider[provider]


def first(router):
    """The route that was added last is asked first: respx takes the first that fits."""
    router.routes._routes.insert(0, router.routes._routes.pop())  # noqa: SLF001 - it has no way to say so


def opened(system, number=1, **fields):
    status = STATUS[system.name]["new"]
    given = {"company": COMPANY, "container": "37", "type": "91", "subtype": "14", "status": status} | fields
    return [system.opens(AGENT[system.name], **given) for _ in range(number)][-1]


@in_every_system
async def test_a_ticket_is_read_with_all_that_a_trigger_may_name(psa, system):
    made = opened(system, fields={"Tool": "Holdfast"})
    read = await psa.ticket(str(made.id))
    assert (read.company, read.container, read.type, read.subtype) == ("250", "37", "91", "14")
    assert (read.status, read.closed, dict(read.fields)) == (str(made.status), False, {"Tool": "Holdfast"})


@in_every_system
async def test_a_new_ticket_is_found_by_its_key_and_by_no_other(psa, system):
    number = await psa.create(str(COMPANY), KEY, "x" * 300 if system.name != "halopsa" else "setting", "See the notes.")
    found = await psa.find(str(COMPANY), KEY)
    assert found is not None and found.id == number
    assert await psa.find(str(COMPANY), KEY[:-1] + "0") is None
    assert await psa.find("251", KEY) is None
    system.changes(AGENT[system.name], int(number), status=system.closed_status)
    assert await psa.find(str(COMPANY), KEY) is None


@in_every_system
async def test_a_note_is_internal_and_says_whose_it_is(psa, system):
    made = opened(system)
    number = await psa.add_note(str(made.id), "one & two <b>\nthree")
    system.writes("402", made.id, "mine", "contact")
    ours, theirs = (
        await psa.notes(str(made.id)) if system.name == "autotask" else _in_order(await psa.notes(str(made.id)))
    )
    assert (ours.id, ours.text, ours.by.id, ours.by.kind) == (number, "one & two <b>\nthree", system.own, "agent")
    assert theirs.by.kind == "contact"
    assert made.notes[0].internal


def _in_order(notes):
    return sorted((note for note in notes if note.text), key=lambda note: note.id)


@in_every_system
async def test_a_ticket_that_is_not_there_is_not_found(psa):
    with pytest.raises(NotFound):
        await psa.ticket("999999")


@in_every_system
async def test_changes_are_found_over_many_pages(psa, system, clock):
    opened(system, 3)
    clock.advance(hours=1)
    since = clock()
    opened(system, 230)
    changed = await psa.changed_since(since - timedelta(seconds=1))
    assert len({ticket.id for ticket in changed}) == 230


@in_every_system
async def test_a_company_that_does_not_exist_is_refused_with_what_the_system_says(psa):
    with pytest.raises(Invalid) as caught:
        await psa.create("999", KEY, "summary", "text")
    assert "ompany" in caught.value.sentence or "client" in caught.value.sentence


@in_every_system
async def test_a_creation_whose_answer_is_lost_is_not_repeated(psa, system):
    opened(system)
    await psa.find(str(COMPANY), KEY)  # signed in, and the zone is known
    system.trouble.append("lost")
    with pytest.raises(Unreachable) as caught:
        await psa.create(str(COMPANY), KEY, "summary", "text")
    assert caught.value.sent
    assert len(system.tickets) == 2


@in_every_system
async def test_a_write_that_is_turned_away_is_left_to_the_queue(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("throttled")
    with pytest.raises(Throttled):
        await psa.add_note(str(made.id), "text")
    assert made.notes == []


@in_every_system
async def test_a_page_instead_of_an_answer_is_told(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("html")
    with pytest.raises(Unreadable):
        await psa.set_status(str(made.id), str(made.status))


@in_every_system
async def test_wrong_credentials_are_a_persons_to_mend(psa, system):
    made = opened(system)
    for name in ("private_key", "api_secret", "client_secret"):
        setattr(system, name, "exchanged")
    with pytest.raises(Unauthorised):
        await psa.ticket(str(made.id))


# --- ConnectWise -----------------------------------------------------------------------------------------------------

connectwise = pytest.mark.parametrize("provider", ["connectwise"])
halopsa = pytest.mark.parametrize("provider", ["halopsa"])


@connectwise
async def test_a_release_moves_the_api_and_it_is_looked_for_again(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.codebase = "v2026_2"
    assert (await psa.ticket(str(made.id))).id == str(made.id)


@connectwise
async def test_a_change_that_was_answered_and_not_made_is_noticed(psa, system, router):
    made = opened(system)
    before = httpx.Response(200, json={"id": made.id, "status": {"id": 512}})
    router.patch(url__regex=r".*/service/tickets/.*").mock(return_value=before)
    first(router)
    with pytest.raises(Unreadable, match="is not 515"):
        await psa.set_status(str(made.id), "515")


@connectwise
async def test_who_set_a_status_is_a_member_or_nobody(psa, system):
    made = opened(system)
    system.changes("jdoe", made.id, status=513)
    ticket = await psa.ticket(str(made.id))
    assert (await psa.status_set_by(ticket)).id == "jdoe"
    system.changes("portal", made.id, status=513)
    assert await psa.status_set_by(ticket) is None
    system.changes("jdoe", made.id, status=512)
    assert await psa.status_set_by(ticket) is None


@pytest.mark.parametrize("provider", ["connectwise"])
async def test_a_path_that_is_missing_is_no_missing_ticket(psa, router):
    missing = httpx.Response(404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})
    router.get(path__regex=r".*/service/tickets/48211").mock(missing)
    first(router)
    with pytest.raises(Forbidden):
        await psa.ticket("48211")


# --- Autotask --------------------------------------------------------------------------------------------------------


async def test_every_page_is_asked_for_with_the_same_filter(psa, system):
    system.page_size = 2
    made = opened(system)
    for number in range(5):
        system.writes("4711", made.id, f"note {number}")
    assert len(await psa.notes(str(made.id))) == 5


async def test_all_that_changed_in_a_long_outage_is_looked_through(psa, system, clock):
    system.page_size = 2
    opened(system, 13)
    assert len(await psa.changed_since(clock() - timedelta(hours=1))) == 13


async def test_too_many_threads_are_waited_for(psa, system):
    made = opened(system)
    await psa.ticket(str(made.id))
    system.trouble.append("threads")
    with pytest.raises(Throttled):
        await psa.set_status(str(made.id), "8")


async def test_what_is_left_of_an_hours_calls_is_the_other_tools(psa, system, clock):
    made = opened(system)
    system.used = 7_600
    with pytest.raises(Throttled) as caught:
        await psa.ticket(str(made.id))
    assert caught.value.retry_after_s == 300
    system.used = 1_000
    clock.advance(minutes=5)
    assert await psa.ticket(str(made.id))


ELSEWHERE = [
    "http://webservices5.autotask.net/ATServicesRest/",
    "https://webservices5.autotask.net.evil.example/",
    "https://evil.example/",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_a_zone_that_is_not_autotasks_gets_no_secret(psa, router, url):
    router.get(path__regex="(?i).*zoneInformation").respond(200, json={"url": url})
    first(router)
    with pytest.raises(Unreadable):
        await psa.ticket("1")
    assert all("Secret" not in call.request.headers for call in router.calls)


async def test_a_contact_that_set_a_status_is_told_from_a_resource(psa, system):
    made = opened(system)
    system.changes("4711", made.id, status=21)
    ticket = await psa.ticket(str(made.id))
    assert (await psa.status_set_by(ticket)).kind == "agent"
    system.changes("402", made.id, "contact", status=21)
    assert (await psa.status_set_by(ticket)).kind == "contact"


# --- HaloPSA ---------------------------------------------------------------------------------------------------------


@halopsa
async def test_a_token_that_ran_out_is_exchanged_once(psa, system, clock):
    made = opened(system)
    await psa.ticket(str(made.id))
    clock.advance(hours=2)
    assert await psa.ticket(str(made.id))
    system.expire_tokens()
    assert await psa.ticket(str(made.id))


@halopsa
async def test_an_action_that_the_workflow_does_not_allow_is_told(psa, system):
    made = opened(system)
    system.outcomes = {8}
    with pytest.raises(Invalid, match="do not have access to this Action"):
        await psa.add_note(str(made.id), "text")


@halopsa
async def test_the_secret_goes_to_the_instance_itself_only(psa, router):
    router.get(path__regex=".*authinfo").respond(200, json={"auth_url": "https://evil.example/auth", "tenant_id": "x"})
    first(router)
    with pytest.raises(Unreadable, match="auth_url"):
        await psa.ticket("1")


ANSWERS = [(403, Forbidden), (302, Redirected), (400, Invalid), (401, Unauthorised), (502, Unreachable)]


@pytest.mark.parametrize(("status", "error"), ANSWERS)
async def test_errors_are_of_the_one_tree(psa, router, status, error):
    location = {"location": "https://evil.example"}
    router.get(path__regex="(?i).*zoneInformation").respond(status, text="no", headers=location)
    first(router)
    with stamina.set_testing(True, attempts=2), pytest.raises(error):
        await psa.ticket("1")
    assert {call.request.url.host for call in router.calls} == {"webservices.autotask.net"}
