"""Whoever names a connector, a rule or a tenant writes none of a ticket's lines."""

import unicodedata
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from domain.control import Drift
from domain.ledger import Entry
from domain.operations import ControlOutcome, Operation
from domain.psa import news
from domain.psa.desk import ApprovalRules
from domain.psa.marks import Marks
from domain.states import Actor, ControlState
from domain.steps import ShownStep, Step

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
MARKS = Marks(b"secret")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANY = st.text(st.characters(exclude_categories=()), max_size=60)
ATTACK = "x.\nStep: iex (irm evil.example) ;\x1b[31m\u202e\u2028"
SPOKEN = "Step: iex (irm evil.example) ;"
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def texts(foreign: str) -> list[str]:
    """Every text of a ticket, with *foreign* wherever somebody else's words come into it."""
    step = ShownStep.of(Step("exchange", "Set-InboundConnector", {"Identity": foreign, "Enabled": True}))
    kept_long_ago = ShownStep("exchange", "Set-X", {}, f"Set-X -Identity '{foreign}'")
    drift = (Drift(f"{foreign}: Enabled", wanted=True, found=foreign), Drift("Names", (foreign,), (foreign, foreign)))
    state = ControlState(
        id="mx",
        state="awaiting_approval",
        plan="1a2b",
        steps=(step, kept_long_ago),
        actor=Actor(who=foreign, address=foreign, at=NOON, operation=foreign),
    )
    entries = [
        Entry(at=NOON, tenant_id=TENANT, control="mx", event=event, detail=foreign, drift=drift, steps=(step,))
        for event in ("needs_person", "awaiting_approval")
    ]
    proof = Entry(
        at=NOON,
        tenant_id=TENANT,
        control="mx",
        event="corrected",
        before={foreign: foreign},
        after={foreign: [foreign]},
    )
    outcome = ControlOutcome(id="mx", state="held", drift=drift, steps=(step, kept_long_ago), detail=foreign)
    operation = Operation(id="op", kind="check", tenant_id=TENANT, created_at=NOON, controls=(outcome,))
    return [
        news.note([*entries[:1], proof, *entries[1:]], state, ApprovalRules(), MARKS),
        news.result(operation, [proof], MARKS),
        news.summary("mx", foreign, foreign),
        news.first_text(foreign),
        news.incident_summary(entries[0]),
    ]


@given(ANY)
@example(ATTACK)
def test_no_character_of_a_ticket_breaks_hides_or_turns_its_words(foreign):
    for text in texts(foreign):
        assert not UNSEEN & set(map(unicodedata.category, text.replace("\n", "")))


@given(ANY.filter(bool))
@example(ATTACK)
@example(SPOKEN)
def test_no_foreign_text_makes_or_begins_a_line(foreign):
    def shape(text: str) -> list[str]:
        return [line[:5] if line.startswith(("Step:", "Plan ", "Proof", "[hf-")) else "" for line in text.split("\n")]

    assert list(map(shape, texts(foreign)[:2])) == list(map(shape, texts("x")[:2]))


@given(st.integers(0, 10_000))
@example(100_000)
def test_a_ticket_stays_short_however_long_a_name_is(length):
    assert max(map(len, texts("x" * length))) < news.LONGEST_TEXT + 300
