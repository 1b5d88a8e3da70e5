import pytest

from clients.errors import Invalid, Unreadable
from tests.clients.psa.deeds import first, opened

halopsa = pytest.mark.parametrize("provider", ["halopsa"])


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
