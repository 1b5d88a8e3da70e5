"""Wherever a worker dies, the index of the fleet says what the states say as soon as the tenant is looked at again."""

import pytest

from tests.lives.life import begin
from tests.lives.mischief import DEEDS
from tests.lives.process import Process


async def said(storage):
    """Of each tenant: which of its controls are not compliant, and what was found, by the index."""
    return {key: (each.summary.states, each.summary.found) for key, each in (await storage.index.all()).items()}


async def truth(storage):
    """The same by the states."""
    states = {each: await storage.states.load(each) for each in await storage.tenants.all_since()}
    return {key: (each.summarised().states, each.summarised().found) for key, each in states.items()}


@pytest.mark.parametrize("turn", range(1, 7))
def test_a_look_that_dies_before_any_effect_is_made_good_by_the_next(stage, turn):
    life = begin(stage, "healthy")
    life.sweep()
    life.work()
    life.suffer(DEEDS[min(DEEDS)])
    messages = stage.do(stage.sweep())
    died = [stage.do(stage.handle(each, Process(turn))) for each in messages]
    assert len(died) == len(messages)
    stage.do(stage.end_lease(life.tenant.tenant_id))
    for message in stage.do(stage.sweep()):
        stage.do(stage.handle(message, Process()))
    storage = stage.service.clients.storage
    assert stage.do(said(storage)) == stage.do(truth(storage))
