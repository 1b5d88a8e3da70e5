from tests.simulator.conftest import Caller

GET, NEW, REMOVE = (f"{verb}-TenantAllowBlockListItems" for verb in ("Get", "New", "Remove"))


async def test_each_list_is_read_by_itself_and_by_action(caller: Caller) -> None:
    await caller.run(NEW, ListType="Sender", Entries=["A@x.example"], Allow=True, NoExpiration=True)
    await caller.run(NEW, ListType="Sender", Entries=["b@x.example"], Block=True)
    await caller.run(NEW, ListType="IP", Entries=["2001:DB8::1", "2001:db8::/120"], Allow=True)
    allowed = await caller.value(GET, ListType="Sender", Allow=True)
    assert [(each["Value"], each["Action"]) for each in allowed] == [("a@x.example", "Allow")]
    assert len(await caller.value(GET, ListType="Sender")) == 2
    assert [each["Value"] for each in await caller.value(GET, ListType="IP")] == ["2001:db8::1", "2001:db8::/120"]
    await caller.run(REMOVE, ListType="Sender", Ids=[allowed[0]["Identity"]], Confirm=False)
    assert await caller.value(GET, ListType="Sender", Allow=True) == []


async def test_what_the_service_refuses_is_refused(caller: Caller) -> None:
    assert (await caller.run(GET)).status_code == 400
    assert (await caller.run(NEW, ListType="IP", Entries=["192.0.2.1"], Allow=True)).status_code == 400
    assert (await caller.run(NEW, ListType="Sender", Entries=["a@x.example"])).status_code == 400
    gone = await caller.run(REMOVE, ListType="Sender", Ids=["00000000-0000-4000-8000-000000000000"], Confirm=False)
    assert gone.status_code in {400, 404}
