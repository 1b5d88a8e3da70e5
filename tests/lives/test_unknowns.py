"""What could not be read is never a verdict, and never leads to a write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.profiles import all_profiles
from domain.controls import CATALOGUE, KINDS, concerned_by
from domain.rests import JITTER, LONGEST_SILENCE
from simulator.faults import Fault
from tests.lives.chance import lives
from tests.lives.life import begin
from tests.lives.mischief import DEEDS, MENDABLE

_DOMAINS = "Get-AcceptedDomain"

_PROFILE = all_profiles().newest["exchangedefender"]
FACTS = {
    control.id: frozenset(query.cmdlet for query in control.queries)
    for control in CATALOGUE.values()
    if control.applies(_PROFILE)
}
"""What each control that applies must have read before it says anything."""

WRITTEN = {
    noun: frozenset.intersection(*(FACTS[control] for control in concerned_by(noun) if control in FACTS))
    for kind in KINDS
    for noun in kind.nouns()
    if kind.writing
}
"""What must have been read before an object of the kind is written, by whichever control."""

READS = sorted(frozenset[str]().union(*FACTS.values()))
NEVER_EMPTY = {query.cmdlet for each in FACTS for query in CATALOGUE[each].queries if query.never_empty}

FAILURES = [
    "throttled", "unavailable", "gateway_timeout", "server_error", "unauthorized", "nul_403", "cut", "unreachable",
    "html", "empty", "truncated", "value_missing", "adminapi_errors", "foreign_next_link", "missing_item",
]  # fmt: skip
BROKEN_READS = [(kind, read) for read in READS for kind in FAILURES] + [("value_empty", read) for read in NEVER_EMPTY]


@pytest.mark.parametrize("unread", [{_DOMAINS}, {*READS} - {_DOMAINS}], ids=["domains", "all_but_domains"])
@pytest.mark.parametrize("kind", FAILURES)
def test_a_read_that_fails_is_no_verdict_in_whatever_way_it_fails(stage, kind, unread):
    """Of a tenant where everything is to do, and everybody asks for it."""
    life = begin(stage, "never_configured")
    life.tenant.faults.script(*(Fault(kind, cmdlet=read, times=1000) for read in unread))
    life.ask_for(*CATALOGUE)
    life.work()
    blind = {control for control, facts in FACTS.items() if facts & unread}
    assert {state.state for state in life.states.values() if state.id in blind} == {"unknown"}
    assert not {entry.cmdlet for entry in life.tenant.writes} - {"Set-ProtectionAlert"}
    assert not (life.tenant.writes and "alert-policies" in blind)


@lives(6)
@given(
    st.sampled_from(["healthy", "never_configured"]),
    st.lists(st.sampled_from(sorted(MENDABLE)), unique=True, max_size=8),
    st.lists(st.sampled_from(sorted(BROKEN_READS)), min_size=1, max_size=3),
    st.booleans(),
)
def test_what_was_not_read_is_neither_judged_nor_written(stage, state, names, broken, looked_before):
    life = begin(stage, state)
    for name in names:
        life.suffer(DEEDS[name])
    if looked_before:
        life.look()
    life.tenant.faults.script(*(Fault(kind, cmdlet=read, times=10_000) for kind, read in broken))
    since = stage.service.clock()
    life.ask_for(*CATALOGUE)
    life.work()
    life.sweep()
    life.work()
    unread = {read for _, read in broken}
    for entry in life.tenant.writes:
        assert not unread & WRITTEN[entry.cmdlet.partition("-")[2].casefold()], f"{entry.cmdlet} without {unread}"
    for control, facts in FACTS.items():
        judged = life.states.get(control)
        assert not (judged and judged.read_at and judged.read_at > since and unread & facts), judged
    life.tenant.faults.clear()
    life.pass_time(LONGEST_SILENCE * (1 + JITTER))  # a tenant that had no answer is not asked before
    life.settle()


TROUBLE = st.builds(
    Fault,
    st.sampled_from(FAILURES),
    service=st.sampled_from([None, None, None, "login", "compliance"]),
    cmdlet=st.sampled_from([None, "$batch", *READS]),
    times=st.integers(1, 8),
    retry_after=st.sampled_from([None, 1, 300]),
)
# An empty list is a lie that nothing tells from the truth; but a write needs it told twice.
LIE = st.builds(Fault, st.just("value_empty"), cmdlet=st.sampled_from(sorted({*READS} - NEVER_EMPTY)))


@lives(14)
@given(st.lists(TROUBLE, max_size=6), st.lists(LIE, max_size=3, unique_by=lambda lie: lie.cmdlet), st.randoms())
def test_a_tenant_as_documented_is_never_written_whatever_goes_wrong_with_its_reads(stage, trouble, lies, chance):
    life = begin(stage, "healthy")
    life.suffer(DEEDS["scanner: made"])
    faults = [*trouble, *lies]
    chance.shuffle(faults)
    life.tenant.faults.script(*faults)
    for _ in range(2):
        life.sweep()
        life.work()
    assert life.tenant.writes == []
