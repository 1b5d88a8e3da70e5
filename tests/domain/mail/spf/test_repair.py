import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import spf
from domain.mail.answers import Mx, Question, Txt
from domain.mail.asking import Needs, NoVerdict
from tests.domain.mail.spf.documented import BOTH, CLOUD, OWN, PROXY, TREES, propose, zone
from tests.domain.mail.zones import mx, settle, txt, unclear
from tests.domain.mail.zones import spf as records


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("v=spf1 a:mail.example -all", f"v=spf1 include:{PROXY} include:{CLOUD} a:mail.example -all"),
        (f"V=spf1   a  include:{CLOUD}  ~all ", f"V=spf1 include:{PROXY}   a  include:{CLOUD}  ~all "),
        (f"v=spf1 ~all include:{PROXY}", f"v=spf1 include:{PROXY} include:{CLOUD} ~all include:{PROXY}"),
        ("v=spf1 include:soft.example ~all", f"v=spf1 include:{PROXY} include:{CLOUD} include:soft.example ~all"),
        ("v=spf1 ~include:flat.example -all", f"v=spf1 include:{PROXY} include:{CLOUD} ~include:flat.example -all"),
    ],
)
def test_only_what_is_missing_is_inserted_right_behind_the_version(before, after):
    found = propose(zone(before))
    assert isinstance(found, spf.Proposal)
    assert (found.before, found.text) == (before.encode(), after)


def test_a_missing_include_is_proposed_with_the_tree_recounted():
    found = propose(zone("v=spf1 include:mail.example ~all"))
    assert isinstance(found, spf.Proposal)
    assert found.before == b"v=spf1 include:mail.example ~all"
    assert found.text == f"v=spf1 include:{PROXY} include:{CLOUD} include:mail.example ~all"
    assert (found.examined.lookups, b"".join(found.strings)) == (3, found.text.encode())


def test_an_include_that_is_there_indirectly_is_not_added_again():
    listed = zone("v=spf1 include:only.example -all") | records({"only.example": f"v=spf1 include:{PROXY} -all"})
    found = propose(listed)
    assert isinstance(found, spf.Proposal)
    assert found.text == f"v=spf1 include:{CLOUD} include:only.example -all"


def test_a_domain_without_record_is_proposed_the_documented_one_that_refuses_nobody():
    found = propose(zone(None) | {(OWN, "TXT"): txt("MS=ms123")})
    assert isinstance(found, spf.Proposal)
    assert (found.before, found.text) == (None, f"v=spf1 include:{PROXY} include:{CLOUD} ~all")


def test_a_first_record_is_proposed_beside_many_other_texts():
    assert isinstance(propose(zone(None) | {(OWN, "TXT"): txt("t" * 600)}), spf.Proposal)


@pytest.mark.parametrize("ending", ["-all", "~all"])
def test_a_record_that_does_what_it_should_needs_no_repair(ending):
    assert isinstance(propose(zone(f"v=spf1 include:{PROXY} include:{CLOUD} {ending}")), spf.NothingToRepair)


def times(count):
    return " ".join(["a:h.contoso.example"] * count)


LEFT_TO_A_PERSON = [
    (zone("v=spf1 -all"), "'-all' comes first"),
    (zone("v=spf1 foo -all"), "'foo'"),
    (zone("v=spf1 a:h.contoso.example ?all", h="198.18.0.1"), "?all"),
    (zone("v=spf1 include:gone.example -all"), "no SPF record"),
    (zone("v=spf1 redirect=mail.example"), "redirect"),
    (zone("v=spf1 a redirect=mail.example -all"), "redirect"),
    (zone(f"v=spf1 {times(9)} -all", h="198.18.0.1"), "11 DNS look-ups"),
    (zone(f"v=spf1 include:{CLOUD} ~include:{PROXY} -all"), "not a pass"),
    (zone(f"v=spf1 -ip4:0.0.0.0/0 include:{PROXY} include:{CLOUD} -all"), "what stands before"),
    (zone("v=spf1 include:%{ir}.x.example -all"), "macro"),
    (zone("v=spf1 +all"), "anyone may send"),
    (zone(None) | {(OWN, "TXT"): txt("v=spf1", "v=spf1 a -all")}, "2 SPF records"),
    (zone(None) | {(OWN, "TXT"): txt("v=spf1;a")}, "looks like"),
    (zone(None), "does not exist"),
    (records({OWN: "v=spf1 ip4:198.18.0.1 -all"}), f"{PROXY}: has no SPF record"),
    (zone("v=spf1 a -all") | records({CLOUD: "v=spf1 -all"}), "lets no address pass"),
]


@pytest.mark.parametrize(("listed", "why"), LEFT_TO_A_PERSON, ids=[why for _, why in LEFT_TO_A_PERSON])
def test_what_the_repair_would_not_mend_is_left_to_a_person(listed, why):
    found = propose(listed)
    assert isinstance(found, spf.CannotRepair)
    assert why in found.reason


def test_ten_lookups_after_the_repair_are_fine():
    assert isinstance(propose(zone(f"v=spf1 {times(8)} -all", h="198.18.0.1")), spf.Proposal)


@pytest.mark.parametrize("name", [OWN, PROXY, CLOUD, "mail.example"])
def test_nothing_is_proposed_on_an_unclear_answer(name):
    listed = zone("v=spf1 include:mail.example -all") | {(name, "TXT"): unclear()}
    assert isinstance(propose(listed), NoVerdict)


NAMES = [OWN, "a.example", "b.example", "c.example", "d.example", PROXY, CLOUD]


TERM = st.one_of(
    st.sampled_from(NAMES).map("include:{}".format),
    st.sampled_from(NAMES).map("~include:{}".format),
    st.sampled_from(["a", "mx", "ptr", "a:c.example/24//64", "mx:d.example", "exists:b.example", "ip4:198.18.0.1"]),
    st.sampled_from(["exists:%{i}.x.example", "x=y", "-ip4:192.0.2.9", "ip6:2001:db8::/32"]),
)


RECORD = st.builds(
    lambda terms, ending: " ".join(["v=spf1", *terms, *ending]),
    st.lists(TERM, max_size=4),
    st.sampled_from([["-all"], ["~all"], ["?all"], [], ["redirect=a.example"], ["-all", "a"], ["foo"]]),
)


TEXTS = st.one_of(RECORD.map(txt), st.just(txt("v=spf1 a", "v=spf1")), st.just(txt("MS=1", b"\xff")))


ZONES = st.builds(
    lambda texts, hosts: {(name, "TXT"): value for name, value in texts.items()} | hosts,
    st.dictionaries(st.sampled_from(NAMES), st.one_of(TEXTS, RECORD.map(txt)), min_size=4),
    st.fixed_dictionaries(
        {("c.example", "A"): st.just(("198.18.0.3",))},
        optional={
            (OWN, "A"): st.just(("198.18.0.1",)),
            (OWN, "MX"): st.just(mx((10, "c.example"))),
            ("d.example", "MX"): st.just(mx((10, "gone.example"), (20, "c.example"))),
            ("b.example", "AAAA"): st.just(("2001:db8::2",)),
        },
    ),
)


def oracle(listed, name, path=()):
    """Look-ups and voids counted by hand: recursively, over words, with no shared code."""
    texts = [v.data for v in listed.get((name, "TXT"), ()) if v.data.lower().split(b" ")[0] == b"v=spf1"]
    if len(texts) != 1 or b"foo" in texts[0] or name in path:
        return 0, 0
    words = texts[0].decode().split()[1:]
    ends = [at for at, word in enumerate(words) if word.endswith("all")]
    lookups = voids = 0
    for word in words[: ends[0]] if ends else words:
        kind, _, target = word.lstrip("~-").replace("redirect=", "redirect:").partition(":")
        kind, target = kind.partition("/")[0], target.partition("/")[0] or name
        if kind not in {"include", "redirect", "a", "mx", "ptr", "exists"}:
            continue
        lookups += 1
        if "%" in target:
            continue
        if kind in {"include", "redirect"} and target not in (*path, name):
            deeper = oracle(listed, target, (*path, name))
            lookups, voids = lookups + deeper[0], voids + deeper[1] + ((target, "TXT") not in listed)
        if kind == "a":
            voids += (target, "A") not in listed and (target, "AAAA") not in listed
        if kind == "exists":
            voids += (target, "A") not in listed
        if kind == "mx":
            hosts = [v.host for v in listed.get((target, "MX"), ()) if isinstance(v, Mx)]
            voids += not hosts or any((h, "A") not in listed and (h, "AAAA") not in listed for h in hosts)
    return lookups, voids


@given(ZONES)
def test_counts_are_those_of_a_naive_count(listed):
    found = settle(lambda answers: spf.examine(OWN, answers), listed)
    assert isinstance(found, spf.Examined)
    lookups, voids = oracle(listed, OWN)
    if lookups <= 50:
        assert (found.lookups, found.voids) == (lookups, voids)
    else:
        assert (found.lookups, found.exact) == (51, False)


def answered(listed, required=BOTH):
    """The outcome of `repaired`, with the zone as it would be after the proposal."""
    found = settle(lambda answers: spf.repaired(OWN, answers, required), listed)
    after = dict(listed)
    if isinstance(found, spf.Proposal):
        siblings = [v for v in listed.get((OWN, "TXT"), ()) if isinstance(v, Txt) and v.data != found.before]
        after[OWN, "TXT"] = (*siblings, Txt(found.strings))
    return found, after


SOUND = st.builds(
    lambda listed, own: listed | records({PROXY: TREES[PROXY], CLOUD: TREES[CLOUD]}) | own,
    ZONES,
    RECORD.map(lambda text: records({OWN: text})) | st.just({(OWN, "TXT"): txt("MS=1")}),
)


@given(SOUND)
def test_a_repaired_record_reads_keeps_everything_and_stays_within_the_limits(listed):
    found, after = answered(listed)
    if not isinstance(found, spf.Proposal):
        return
    new = spf.parse(found.text)
    assert spf.render(new) == found.text
    assert oracle(after, OWN) == (found.examined.lookups, found.examined.voids)
    assert found.examined.lookups <= 10
    assert found.examined.voids <= 2
    if found.before is not None:
        old = spf.parse(found.before.decode())
        assert new.terms[len(new.terms) - len(old.terms) :] == old.terms
        assert found.text.endswith(found.before.decode().removeprefix("v=spf1"))
        assert all(term.kind == "include" for term in new.mechanisms[: len(new.terms) - len(old.terms)])


@given(SOUND)
def test_a_repaired_zone_needs_no_repair_and_planning_twice_is_the_same(listed):
    found, after = answered(listed)
    assert answered(listed)[0] == found
    if isinstance(found, spf.Proposal):
        assert isinstance(answered(after)[0], spf.NothingToRepair)


@given(SOUND, st.data())
def test_no_unclear_answer_ever_yields_a_proposal(listed, data):
    asked: list[Question] = []
    settle(lambda answers: spf.repaired(OWN, answers, BOTH), listed, asked)
    dark = data.draw(st.sampled_from(asked))
    found, _ = answered(dict(listed) | {(dark.name, dark.type): unclear()})
    assert not isinstance(found, spf.Proposal)
    assert isinstance(found, NoVerdict | spf.CannotRepair)


@given(st.lists(st.binary(max_size=60).map(lambda data: b"v=spf1 " + data) | st.binary(max_size=60), min_size=1))
def test_arbitrary_texts_at_a_domain_raise_nothing(texts):
    listed = records(TREES) | {(OWN, "TXT"): txt(*texts)}
    found = propose(listed)
    assert not isinstance(found, Needs)
