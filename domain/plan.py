"""A plan under way: the corrections of one control, and what its state says before, between and after their writes."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.control import Drifted, Judgement
from domain.corrections import Correction, Ending, Event, Looked, Memory, NotSent, TooEarly, advance
from domain.gate import GateAnswer
from domain.ledger import entry_id
from domain.states import ControlState, StateName, drift_view, with_plan
from domain.steps import ShownStep, Step
from domain.tenant import Mode


def begun(state: ControlState, plan: Drifted, now: datetime) -> ControlState:
    """The state just before the first write of *plan*, to be recorded as an `applying` entry of the same time."""
    corrections = tuple(
        Correction(
            key=step.key,
            step=ShownStep.of(step),
            drift=drift_view(plan.mended_by(step)),
            entry=entry_id(now, "applying", state.id),
            seen_at=state.since,
            memory=state.memory_of(step),
        )
        for step in plan.steps
    )
    correcting = replace(with_plan(state, plan), corrections=corrections).becomes("correcting", now, "")
    return correcting.remembering({step.key: Memory() for step in plan.steps})


def after_event(state: ControlState, step: Step, event: Event, now: datetime, by_hand: str = "") -> ControlState:
    """The state once *event* came to *step*. *by_hand*: what a person does, if that is a person's business now."""
    before = _under_way(state, step)
    match advance(before, event, now):
        case Correction() as after if after == before:
            return state
        case Correction(phase="sent" | "answered") as after:
            return replace(state, corrections=tuple(after if each == before else each for each in state.corrections))
        case Correction(memory=memory) if isinstance(event, TooEarly):
            return _without(state, {step.key: memory}, "held", memory.why, now)
        case Correction(memory=memory):
            return _without(state, {step.key: memory}, "drifted", event.why if isinstance(event, NotSent) else "", now)
        case Ending(correction=ended):
            why = f"{ended.memory.why} {by_hand}"
            return _without(state, {step.key: ended.memory}, "needs_person", why, now)
        case other:
            assert_never(other)


def _under_way(state: ControlState, step: Step) -> Correction:
    for correction in state.corrections:
        if correction.key == step.key:
            return correction
    raise ValueError(f"{state.id} has no correction of {step.cmdlet}")


def stopped(state: ControlState, plan: Drifted, answer: GateAnswer, mode: Mode, now: datetime) -> ControlState:
    """The state when a gate refuses *plan*, or the rest of it. Steps that were sent still wait for their proof."""
    name: StateName = "held"
    if answer.gate == "exception":
        name = "excepted"
    elif answer.gate == "mode":
        name = "awaiting_approval" if mode == "approve" else "drifted"
    elif answer.gate == "approval":
        name = "awaiting_approval"
    told = ". ".join(filter(None, (answer.sentence, plan.detail)))
    return put_off(with_plan(state, plan), name, told, now)


def put_off(state: ControlState, name: StateName, detail: str, now: datetime) -> ControlState:
    """The state when the rest of the plan is put off: steps that were not sent are planned again later."""
    planned = {each.key: each.memory for each in state.corrections if each.phase == "planned"}
    return _without(state, planned, name, detail, now)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a look made of a plan: the corrections that it ended, and the state without those."""

    state: ControlState
    proven: tuple[Correction, ...] = ()
    superseded: tuple[Correction, ...] = ()


def judged(state: ControlState, judgement: Judgement, now: datetime, *, patient: bool) -> Judged:
    """Let every correction of *state* look at *judgement*. What is planned, never sent or lost, is planned again."""
    if not state.corrections:
        return Judged(state)
    looks = [advance(each, Looked(judgement, patient), now) for each in state.corrections]
    ended = [look for look in looks if isinstance(look, Ending)]
    planned = [look for look in looks if isinstance(look, Correction) and look.phase == "planned"]
    memories = {each.key: each.memory for each in [*(ending.correction for ending in ended), *planned]}
    return Judged(
        _without(state, memories, "drifted", state.detail, now),
        tuple(ending.correction for ending in ended if ending.name == "proven"),
        tuple(ending.correction for ending in ended if ending.name == "superseded"),
    )


def _without(
    state: ControlState, memories: dict[str, Memory], last: StateName, detail: str, now: datetime
) -> ControlState:
    """*state* without the corrections of *memories*, which rest; where none is left it becomes *last*."""
    left = tuple(each for each in state.corrections if each.key not in memories)
    rest = replace(state.remembering(memories), corrections=left)
    return rest.becomes("correcting" if left else last, now, detail)


def too_soon(state: ControlState, plan: Drifted, now: datetime) -> bool:
    """Whether *plan* would make again what was proven to be there a moment ago."""
    return any(state.memory_of(step).is_calming(now) for step in plan.steps)
