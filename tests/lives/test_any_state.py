"""From any state of a tenant, quiet sweeps end with every control compliant or with a named reason."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.controls import CATALOGUE
from tests.lives.chance import lives
from tests.lives.documented import of_others
from tests.lives.life import Life, begin
from tests.lives.mischief import DEEDS, MENDABLE
from tests.lives.stage import Stage

STATES = st.sampled_from(["healthy", "never_configured"])
# What Microsoft may do in several ways, none of which is in the way of putting things back.
WAYS = st.fixed_dictionaries(
    {},
    optional={
        "outbound_reads": st.just("measured"),
        "already_exists": st.just("pipe"),
        "connector_in_use_protected": st.just(False),
        "rule_shows_connector": st.just("guid"),
        "spoof_new_echo": st.just(False),
        "spoof_zeroes_host_bits": st.just(True),
        "dkim_scheme": st.just("old"),
        "alerts_present": st.just(False),
        "alert_name_suffix": st.just("\u200b"),
        "empty_collections": st.just("null"),
        "void_value": st.sampled_from(["null", "missing", "no_content", "no_body"]),
        "page_size": st.just(1),
        "batch_shuffle": st.just(True),
        "front_door": st.just("serve"),
    },
)
# And those that are.
OBSTACLES = st.fixed_dictionaries(
    {},
    optional={
        "created_disabled": st.sampled_from(["on_premises", "always"]),
        "dehydrated": st.just(True),
        "alert_set": st.sampled_from(["not_found", "ignored"]),
        "dkim_status": st.sampled_from(["Valid", "CnameMissing"]),
    },
)


def deeds(names):
    return st.lists(st.sampled_from(sorted(names)), unique=True, max_size=8)


def play(stage: Stage, state, switches, names, reads) -> Life:
    """The life of a tenant that was brought into this state, until it comes to rest."""
    life = begin(stage, state, **switches)
    for name in names:
        life.suffer(DEEDS[name])
    others = of_others(life.tenant)
    life.lag(reads)
    life.settle()
    assert of_others(life.tenant) == others
    return life


@lives(8)
@given(STATES, WAYS, OBSTACLES, deeds(DEEDS), st.integers(0, 6))
def test_a_quiet_sweep_ends_compliant_or_with_a_named_reason(stage, state, ways, obstacles, names, reads):
    life = play(stage, state, ways | obstacles, names, reads)
    assert set(life.states) == set(CATALOGUE)


@lives(8)
@given(WAYS, deeds(MENDABLE))
def test_what_can_be_put_back_is_put_back_with_one_write_each(stage, ways, names):
    life = begin(stage, "healthy", **ways)
    life.settle()  # what differs from here on came up beside a proven state
    proven = len(life.tenant.writes)
    for name in names:
        life.suffer(DEEDS[name])
    others = of_others(life.tenant)
    life.settle()
    assert of_others(life.tenant) == others
    assert {state.state for state in life.states.values()} <= {"compliant", "not_applicable"}
    written = Counter((entry.cmdlet, str(entry.parameters)) for entry in life.tenant.writes[proven:])
    assert set(written.values()) <= {1}
